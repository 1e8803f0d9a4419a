/* Planes sampled by the sharp kernel and blended; compiled as kernels_variant.h is. vsrife/motion/reference.py defines it. */

/* Weights of the four pixels along one side. */
#define WEIGHTS(type, f, sharp, over, w) \
    do { \
        const type g_ = 1 - (f), share_ = (sharp) * (f) * g_, smooth_ = share_ * ((f) - g_); \
        w[0] = share_ * ((over) - 0.5f * g_); \
        w[3] = share_ * ((over) - 0.5f * (f)); \
        w[1] = g_ - smooth_ - w[3]; \
        w[2] = (f) + smooth_ - w[0]; \
    } while (0)

#define SHARP_PIXEL(sample, name) \
    static float NAME(sharp_pixel_##name)( \
        const sample *p, int width, int height, int at, float x, float y, float sharp, float overshoot) { \
        const int column = at % width, row = at / width; \
        float across[4], down[4], sum = 0, least = 0, most = 0; \
        WEIGHTS(float, x, sharp, overshoot, across); \
        WEIGHTS(float, y, sharp, overshoot, down); \
        for (int r = 0; r < 4; r++) { \
            const int from = row + r - 1; \
            const sample *line = p + (size_t)(from < 0 ? 0 : from < height ? from : height - 1) * (size_t)width; \
            float part = 0; \
            for (int c = 0; c < 4; c++) { \
                const int there = column + c - 1; \
                const float v = (float)line[there < 0 ? 0 : there < width ? there : width - 1]; \
                least = (r || c) && !(v < least) ? least : v; \
                most = (r || c) && !(v > most) ? most : v; \
                part += v * across[c]; \
            } \
            sum += part * down[r]; \
        } \
        sum = sum < least ? least : sum; /* what is not a number stays */ \
        return sum > most ? most : sum; \
    }
SHARP_PIXEL(uint8_t, u8)
SHARP_PIXEL(uint16_t, u16)
SHARP_PIXEL(float, f32)
#undef SHARP_PIXEL

#ifdef HAS_AVX2
/* Four neighbours in each of four rows, for eight pixels, and the range of the sixteen. */
INLINE void NAME(sixteen_u8)(const uint8_t *p, size_t down, __m256i at, V8 *taps, V8 *least, V8 *most) {
    const __m256i byte = _mm256_set1_epi32(255);
    __m256i low = _mm256_set1_epi8(-1), high = _mm256_setzero_si256();
    for (int r = 0; r < 4; r++) {
        const __m256i four = _mm256_i32gather_epi32((const int *)(const void *)(p + (size_t)r * down), at, 1);
        low = _mm256_min_epu8(low, four);
        high = _mm256_max_epu8(high, four);
        taps[4 * r] = (V8)_mm256_cvtepi32_ps(_mm256_and_si256(four, byte));
        taps[4 * r + 1] = (V8)_mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(four, 8), byte));
        taps[4 * r + 2] = (V8)_mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(four, 16), byte));
        taps[4 * r + 3] = (V8)_mm256_cvtepi32_ps(_mm256_srli_epi32(four, 24));
    }
    low = _mm256_min_epu8(low, _mm256_srli_epi32(low, 16));
    low = _mm256_min_epu8(low, _mm256_srli_epi32(low, 8));
    high = _mm256_max_epu8(high, _mm256_srli_epi32(high, 16));
    high = _mm256_max_epu8(high, _mm256_srli_epi32(high, 8));
    *least = (V8)_mm256_cvtepi32_ps(_mm256_and_si256(low, byte));
    *most = (V8)_mm256_cvtepi32_ps(_mm256_and_si256(high, byte));
}

INLINE void NAME(sixteen_u16)(const uint16_t *p, size_t down, __m256i at, V8 *taps, V8 *least, V8 *most) {
    const __m256i word = _mm256_set1_epi32(65535);
    __m256i low = _mm256_set1_epi16(-1), high = _mm256_setzero_si256();
    for (int r = 0; r < 4; r++)
        for (int half = 0; half < 2; half++) {
            const uint16_t *from = p + (size_t)r * down + 2 * half;
            const __m256i two = _mm256_i32gather_epi32((const int *)(const void *)from, at, 2);
            low = _mm256_min_epu16(low, two);
            high = _mm256_max_epu16(high, two);
            taps[4 * r + 2 * half] = (V8)_mm256_cvtepi32_ps(_mm256_and_si256(two, word));
            taps[4 * r + 2 * half + 1] = (V8)_mm256_cvtepi32_ps(_mm256_srli_epi32(two, 16));
        }
    low = _mm256_min_epu16(low, _mm256_srli_epi32(low, 16));
    high = _mm256_max_epu16(high, _mm256_srli_epi32(high, 16));
    *least = (V8)_mm256_cvtepi32_ps(_mm256_and_si256(low, word));
    *most = (V8)_mm256_cvtepi32_ps(_mm256_and_si256(high, word));
}

INLINE void NAME(sixteen_f32)(const float *p, size_t down, __m256i at, V8 *taps, V8 *least, V8 *most) {
    __m256 low = _mm256_i32gather_ps(p, at, 4), high = low;
    for (int r = 0; r < 4; r++)
        for (int c = 0; c < 4; c++) {
            const __m256 v = _mm256_i32gather_ps(p + (size_t)r * down + c, at, 4);
            low = _mm256_min_ps(v, low);
            high = _mm256_max_ps(v, high);
            taps[4 * r + c] = (V8)v;
        }
    *least = (V8)low;
    *most = (V8)high;
}

#define SHARP_EIGHT(sample, name) \
    INLINE V8 NAME(sharp_eight_##name)(const sample *p, size_t down, const int32_t *at, const V8 *across, const V8 *dy) { \
        V8 taps[16], least, most; \
        NAME(sixteen_##name)(p - down - 1, down, _mm256_loadu_si256((const __m256i *)(const void *)at), taps, &least, &most); \
        V8 sum = {0}; \
        for (int r = 0; r < 4; r++) \
            sum += (taps[4 * r] * across[0] + taps[4 * r + 1] * across[1] + taps[4 * r + 2] * across[2] + \
                    taps[4 * r + 3] * across[3]) * dy[r]; \
        return (V8)_mm256_min_ps((__m256)most, _mm256_max_ps((__m256)least, (__m256)sum)); \
    }
SHARP_EIGHT(uint8_t, u8)
SHARP_EIGHT(uint16_t, u16)
SHARP_EIGHT(float, f32)
#undef SHARP_EIGHT

#define SHARP_EIGHTS(name) \
    for (; k + 8 <= width; k += 8) { \
        V8 v[2]; \
        const V8 sharp = NAME(load8)(to->sharpness + k); \
        for (int end = 0; end < 2; end++) { \
            const __m256i edges = _mm256_loadu_si256((const __m256i *)(const void *)(to->edge[end] + k)); \
            if (_mm256_testz_si256(edges, edges)) { \
                V8 across[4], dy[4]; \
                const V8 x = NAME(load8)(to->x[end] + k), y = NAME(load8)(to->y[end] + k); \
                WEIGHTS(V8, x, sharp, overshoot, across); \
                WEIGHTS(V8, y, sharp, overshoot, dy); \
                v[end] = NAME(sharp_eight_##name)(end ? last : first, down, to->at[end] + k, across, dy); \
            } else { \
                for (int c = 0; c < 8; c++) \
                    v[end][c] = NAME(sharp_pixel_##name)( \
                        end ? last : first, width, height, to->at[end][k + c], to->x[end][k + c], to->y[end][k + c], \
                        to->sharpness[k + c], overshoot); \
            } \
        } \
        v[1] += (v[0] - v[1]) * NAME(load8)(to->weight + k); \
        memcpy(out + k, &v[1], sizeof v[1]); \
    }
#else
#define SHARP_EIGHTS(name)
#endif

#define SHARP_ROW(sample, name) \
    static void NAME(sharp_row_##name)( \
        const sample *first, const sample *last, int width, int height, const SharpDestinations *to, float overshoot, float *out) { \
        const size_t down = (size_t)width; \
        int k = 0; \
        (void)down; \
        SHARP_EIGHTS(name) \
        for (; k < width; k++) { \
            const float v0 = NAME(sharp_pixel_##name)( \
                first, width, height, to->at[0][k], to->x[0][k], to->y[0][k], to->sharpness[k], overshoot); \
            const float v1 = NAME(sharp_pixel_##name)( \
                last, width, height, to->at[1][k], to->x[1][k], to->y[1][k], to->sharpness[k], overshoot); \
            out[k] = v1 + (v0 - v1) * to->weight[k]; \
        } \
    }
SHARP_ROW(uint8_t, u8)
SHARP_ROW(uint16_t, u16)
SHARP_ROW(float, f32)
#undef SHARP_ROW
#undef SHARP_EIGHTS
#undef WEIGHTS

/* A row's flow, corrected, and where it leads to; the weight and the sharpness of each sample. */
INLINE void NAME(correct_row)(
    const WarpAndBlend *job, const Shared *shared, const Row *row, int y, float *cells, float *flow[4], SharpDestinations *to) {
    const int width = job->width;
    NAME(map_row)(&job->correction, (float)y * job->step_y + job->offset_y, 8, cells);
    APART
    for (int k = 0; k < width; k++) to->weight[k] = NAME(sigmoid)(row->last_map[8 * k + 4]);
    for (int k = 0; k < width; k++) {
        const V8 c = NAME(mixed8)(cells + 8 * (size_t)shared->cell[k], 8, shared->cell_weight[k]);
        const V4 add = {c[0], c[1], c[2], c[3]}, sum = NAME(load4)(row->flow + 4 * k) * c[4] + add;
        memcpy(row->flow + 4 * k, &sum, sizeof sum);
        to->weight[k] = to->weight[k] * c[6] + c[5];
        to->sharpness[k] = c[7];
    }
    for (int k = 0; k < width; k += 8)
        for (int c = 0; c < 4; c++) NAME(fourth)(row->flow + 4 * k + c, flow[c] + k);
    for (int end = 0; end < 2; end++)
        NAME(land_row)(
            flow[2 * end], flow[2 * end + 1], width, 1, (float)y, 1 / job->step_x, 1 / job->step_y, width, job->height,
            to->at[end], to->x[end], to->y[end], to->edge[end]);
}

static void NAME(sharp_rows)(const void *data, void *kept, float *scratch, int from, int to) {
    const WarpAndBlend *job = data;
    const Shared *shared = kept;
    const int width = job->width, height = job->height;
    const size_t cells = (size_t)shared->columns + SLACK;
    Row row;
    scratch = NAME(row_of)(shared, &job->maps, 8, scratch, &row);
    SharpDestinations places;
    float *flow[4];
    for (int end = 0; end < 2; end++) {
        places.at[end] = (int32_t *)NAME(cut)(&scratch, cells);
        places.edge[end] = (int32_t *)NAME(cut)(&scratch, cells);
        places.x[end] = NAME(cut)(&scratch, cells);
        places.y[end] = NAME(cut)(&scratch, cells);
    }
    places.weight = NAME(cut)(&scratch, cells);
    places.sharpness = NAME(cut)(&scratch, cells);
    for (int c = 0; c < 4; c++) flow[c] = NAME(cut)(&scratch, cells);
    float *made = NAME(cut)(&scratch, cells), *correction = scratch;
    for (int y = from; y < to; y++) {
        NAME(find_flow)(&job->maps, shared, &row, (float)y * job->step_y + job->offset_y, 8);
        NAME(correct_row)(job, shared, &row, y, correction, flow, &places);
        for (int p = 0; p < job->planes; p++) {
            const WarpedPlane *plane = &job->plane[p];
            char *out = (char *)plane->out + (int64_t)y * plane->stride;
            if (job->type == TYPE_U8) {
                NAME(sharp_row_u8)(plane->first, plane->last, width, height, &places, job->overshoot, made);
                NAME(store_u8)(made, width, job->peak, (uint8_t *)out);
            } else if (job->type == TYPE_U16) {
                NAME(sharp_row_u16)(plane->first, plane->last, width, height, &places, job->overshoot, made);
                NAME(store_u16)(made, width, job->peak, (uint16_t *)out);
            } else {
                NAME(sharp_row_f32)(plane->first, plane->last, width, height, &places, job->overshoot, (float *)out);
            }
        }
    }
}
