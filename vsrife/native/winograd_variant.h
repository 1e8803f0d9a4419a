/* 3x3 convolutions of stride 1 by Winograd's F(4x4, 3x3): a tile of 4x4 outputs takes 36 multiplications for each pair of
 * channels where the sum of products takes 144. Included by convolutions_variant.h. Source: Lavin and Gray, "Fast Algorithms for
 * Convolutional Neural Networks", https://arxiv.org/abs/1509.09308; vsrife/engine/winograd.py transforms the weights. */

#ifdef BASE
#define POINTS 36
#define GAP 16     /* floats between the parts of a scratch array, which would otherwise share few sets of a cache */
#define CACHED (256 << 10) /* bytes of transformed input that a core works on at a time */
#define INNER 0.625f        /* the interpolation points are 0, INNER, -INNER, OUTER, -OUTER and infinity */
#define OUTER 1.5f
#endif

INLINE void NAME(put)(float *p, V v) { memcpy(p, &v, sizeof v); }

/* A vector of fp32 or bf16 samples, `at` samples from `in` on. */
INLINE V NAME(sample)(const void *in, size_t at, const int is_f32) {
    if (is_f32) return LOAD((const float *)in + at);
    H half;
    memcpy(&half, (const uint16_t *)in + at, sizeof half);
    return (V)(__builtin_convertvector(half, U) << 16);
}

/* A vector to fp32 or bf16 samples, `at` samples from `out` on. */
INLINE void NAME(put_sample)(void *out, size_t at, V v, const int is_f32) {
    if (is_f32) {
        NAME(put)((float *)out + at, v);
        return;
    }
#ifdef HAS_BF16
    const __m256bh half = _mm512_cvtneps_pbh((__m512)v);
#else
    const U bits = (U)v;
    const H half = __builtin_convertvector((bits + 0x7fff + ((bits >> 16) & 1)) >> 16, H);
#endif
    memcpy((uint16_t *)out + at, &half, sizeof half);
}

/* Six samples, `from` apart, to the values at the six points. */
INLINE void NAME(to_points)(const void *in, size_t at, size_t from, const int is_f32, float *out, size_t to) {
    const float a = INNER, b = OUTER, aa = a * a, bb = b * b;
    const V d0 = NAME(sample)(in, at, is_f32), d1 = NAME(sample)(in, at + from, is_f32);
    const V d2 = NAME(sample)(in, at + 2 * from, is_f32), d3 = NAME(sample)(in, at + 3 * from, is_f32);
    const V d4 = NAME(sample)(in, at + 4 * from, is_f32), d5 = NAME(sample)(in, at + 5 * from, is_f32);
    const V inner = d4 - bb * d2, outer = d4 - aa * d2, inner_odd = a * (d3 - bb * d1), outer_odd = b * (d3 - aa * d1);
    NAME(put)(out, d4 - (aa + bb) * d2 + aa * bb * d0);
    NAME(put)(out + to, inner + inner_odd);
    NAME(put)(out + 2 * to, inner - inner_odd);
    NAME(put)(out + 3 * to, outer + outer_odd);
    NAME(put)(out + 4 * to, outer - outer_odd);
    NAME(put)(out + 5 * to, d5 - (aa + bb) * d3 + aa * bb * d1);
}

/* Products at the six points, `from` floats apart, to four outputs. */
INLINE void NAME(from_points)(const float *in, size_t from, V out[4]) {
    const float a = INNER, b = OUTER;
    const V m1 = LOAD(in + from), m2 = LOAD(in + 2 * from), m3 = LOAD(in + 3 * from), m4 = LOAD(in + 4 * from);
    const V inner = m1 + m2, outer = m3 + m4, inner_odd = a * (m1 - m2), outer_odd = b * (m3 - m4);
    out[0] = LOAD(in) + inner + outer;
    out[1] = inner_odd + outer_odd;
    out[2] = a * a * inner + b * b * outer;
    out[3] = LOAD(in + 5 * from) + a * a * inner_odd + b * b * outer_odd;
}

/* 6x6 pixels, a row `down` samples below the other, to `step` floats between the points. */
INLINE void NAME(transform_tile)(
    const void *in, size_t at, size_t down, const int is_f32, int channels, float *out, size_t step) {
    float half[POINTS * LANES] __attribute__((aligned(64)));
    for (int next = 0; next < channels; next += LANES) {
        const size_t c = (size_t)(next < channels - LANES ? next : channels - LANES);
        for (size_t x = 0; x < 6; x++)
            NAME(to_points)(in, at + x * (size_t)channels + c, down, is_f32, half + x * LANES, 6 * LANES);
        for (size_t y = 0; y < 6; y++) NAME(to_points)(half, 6 * y * LANES, LANES, 1, out + 6 * y * step + c, step);
    }
}

/* The sums over all inputs for GROUP tiles and `panels` of outputs at one point; weights and sums of a panel are apart from
 * the next one's by so many floats. */
INLINE void NAME(multiply)(
    const float *tiles, int inputs, const float *weights, size_t weights_apart, float *out, size_t out_apart, const int panels) {
    V sum[GROUP][PANELS * PANEL / LANES];
    const int vectors = PANEL / LANES;
    UNROLLED for (int t = 0; t < GROUP; t++)
        UNROLLED for (int n = 0; n < panels * vectors; n++) sum[t][n] = (V){0};
    for (int k = 0; k < inputs; k++, weights += PANEL)
        UNROLLED for (int t = 0; t < GROUP; t++)
            UNROLLED for (int n = 0; n < panels * vectors; n++)
                sum[t][n] += LOAD(weights + (size_t)(n / vectors) * weights_apart + n % vectors * LANES) *
                             tiles[(size_t)t * (size_t)inputs + (size_t)k];
    UNROLLED for (int t = 0; t < GROUP; t++)
        UNROLLED for (int n = 0; n < panels * vectors; n++)
            NAME(put)(out + (size_t)(n / vectors) * out_apart + t * PANEL + n % vectors * LANES, sum[t][n]);
}

/* Leaky ReLU, to fp32 or bf16 samples, `at` samples from `out` on. */
INLINE void NAME(activate)(V v, float slope, void *out, size_t at, const int is_f32) {
    const I positive = v > 0;
    NAME(put_sample)(out, at, (V)(((I)v & positive) | ((I)(v * slope) & ~positive)), is_f32);
}

/* One vector of a tile's outputs: `rows` x `columns` of 4x4. */
INLINE void NAME(finish_tile)(
    const float *products, size_t step, const float *biases, float slope, void *to, size_t at, size_t down, size_t across,
    int rows, int columns, const int is_f32) {
    float half[4 * 6 * LANES] __attribute__((aligned(64)));
    V out[4];
    for (int x = 0; x < 6; x++) {
        NAME(from_points)(products + (size_t)x * step, 6 * step, out);
        NAME(put)(half + x * LANES, out[0]);
        NAME(put)(half + (6 + x) * LANES, out[1]);
        NAME(put)(half + (12 + x) * LANES, out[2]);
        NAME(put)(half + (18 + x) * LANES, out[3]);
    }
    const V bias = LOAD(biases);
    for (int row = 0; row < rows; row++, at += down) {
        NAME(from_points)(half + 6 * row * LANES, LANES, out);
        NAME(activate)(out[0] + bias, slope, to, at, is_f32);
        if (columns > 1) NAME(activate)(out[1] + bias, slope, to, at + across, is_f32);
        if (columns > 2) NAME(activate)(out[2] + bias, slope, to, at + 2 * across, is_f32);
        if (columns > 3) NAME(activate)(out[3] + bias, slope, to, at + 3 * across, is_f32);
    }
}

typedef struct {
    int down, across, limit; /* rows and columns of tiles; the most tiles of a piece */
} NAME(Tiles);

/* The tiles `from` to `to` of the input at the points, `step` floats apart; the last one again up to `count`. */
INLINE void NAME(transform_tiles)(
    const Winograd *job, const NAME(Tiles) *tiles, int from, int to, int count, float *transformed, size_t step, char *patch,
    const int is_f32) {
    const int height = job->height, width = job->width;
    const size_t across = (size_t)job->inputs, down = (size_t)width * across, item = is_f32 ? 4 : 2;
    for (int t = 0; t < count; t++) {
        const int tile = from + t < to ? from + t : to - 1, n = tile / (tiles->down * tiles->across);
        const int top = tile / tiles->across % tiles->down * 4 - 1, left = tile % tiles->across * 4 - 1;
        const size_t picture = (size_t)n * (size_t)height * down;
        float *out = transformed + (size_t)t * across;
        if (top >= 0 && left >= 0 && top + 6 <= height && left + 6 <= width) {
            const size_t at = picture + (size_t)top * down + (size_t)left * across;
            NAME(transform_tile)(job->in, at, down, is_f32, job->inputs, out, step);
            continue;
        }
        const int first = left < 0 ? 1 : 0, last = width - left < 6 ? width - left : 6;
        memset(patch, 0, item * POINTS * across);
        for (int y = 0; y < 6; y++)
            if (top + y >= 0 && top + y < height)
                memcpy(
                    patch + item * (size_t)(6 * y + first) * across,
                    (const char *)job->in + item * (picture + (size_t)(top + y) * down + (size_t)(left + first) * across),
                    item * (size_t)(last - first) * across);
        NAME(transform_tile)(patch, 0, 6 * across, is_f32, job->inputs, out, step);
    }
}

/* The outputs from `start` on of the tiles `from` to `to`. */
INLINE void NAME(finish_tiles)(
    const Winograd *job, const NAME(Tiles) *tiles, int from, int to, int start, const float *products, size_t step,
    const int is_f32) {
    const int height = job->height, width = job->width;
    const size_t across = (size_t)(job->outputs / job->split), split = (size_t)job->split;
    const size_t down = split * (size_t)width * across, part = (size_t)start / across;
    for (int t = 0; t < to - from; t++) {
        const int tile = from + t, n = tile / (tiles->down * tiles->across);
        const int top = tile / tiles->across % tiles->down * 4, left = tile % tiles->across * 4;
        const int rows = height - top < 4 ? height - top : 4, columns = width - left < 4 ? width - left : 4;
        const size_t row = ((size_t)n * (size_t)height + (size_t)top) * split + part;
        const size_t at = (row * (size_t)width + (size_t)left) * across + (size_t)start % across;
        for (int k = 0; k < PANEL; k += LANES)
            NAME(finish_tile)(
                products + (size_t)t * PANEL + k, step, job->bias + start + k, job->slope, job->out, at + (size_t)k, down, across,
                rows, columns, is_f32);
    }
}

/* A piece: the tiles `from` to `to`, at most the limit. */
INLINE void NAME(winograd_tiles_of)(
    const Winograd *job, const NAME(Tiles) *tiles, float *scratch, int from, int to, const int is_f32) {
    const int inputs = job->inputs, outputs = job->outputs, count = (to - from + GROUP - 1) / GROUP * GROUP;
    const size_t step = (size_t)tiles->limit * (size_t)inputs + GAP, out_step = (size_t)tiles->limit * PANEL + GAP;
    const size_t of_panel = POINTS * out_step, weights_of_panel = POINTS * (size_t)inputs * PANEL;
    float *transformed = scratch, *products = transformed + POINTS * step, *patch = products + PANELS * of_panel;
    NAME(transform_tiles)(job, tiles, from, to, count, transformed, step, (char *)patch, is_f32);
    for (int p = 0; p * PANEL < outputs; p += PANELS) {
        const int panels = PANELS == 2 && (p + 1) * PANEL < outputs ? 2 : 1;
        for (int k = 0; k < POINTS; k++) {
            const float *weights = job->weights + (size_t)p * weights_of_panel + (size_t)(k * inputs * PANEL);
            const float *at_point = transformed + (size_t)k * step;
            float *out = products + (size_t)k * out_step;
            if (panels == 2 && job->used[p] >> k & job->used[p + 1] >> k & 1) {
                for (int t = 0; t < count; t += GROUP)
                    NAME(multiply)(
                        at_point + t * inputs, inputs, weights, weights_of_panel, out + t * PANEL, of_panel, PANELS);
                continue;
            }
            for (int q = 0; q < panels; q++, weights += weights_of_panel, out += of_panel)
                if (job->used[p + q] >> k & 1)
                    for (int t = 0; t < count; t += GROUP)
                        NAME(multiply)(at_point + t * inputs, inputs, weights, 0, out + t * PANEL, 0, 1);
                else
                    memset(out, 0, sizeof(float) * (size_t)count * PANEL);
        }
        for (int q = 0; q < panels; q++) {
            const int start = (p + q) * PANEL < outputs - PANEL ? (p + q) * PANEL : outputs - PANEL;
            NAME(finish_tiles)(job, tiles, from, to, start, products + (size_t)q * of_panel, out_step, is_f32);
        }
    }
}

static void NAME(winograd_tiles)(const void *job, void *tiles, float *scratch, int from, int to) {
    if (((const Winograd *)job)->type == TYPE_F32)
        NAME(winograd_tiles_of)(job, tiles, scratch, from, to, 1);
    else
        NAME(winograd_tiles_of)(job, tiles, scratch, from, to, 0);
}

static int NAME(winograd)(const Winograd *job, int threads) {
    NAME(Tiles) tiles = {(job->height + 3) / 4, (job->width + 3) / 4, 0};
    const int count = job->count * tiles.down * tiles.across, share = (count + threads - 1) / threads;
    const int most = CACHED / (int)sizeof(float) / POINTS / job->inputs + 1;
    tiles.limit = ((most < share ? most : share) + GROUP - 1) / GROUP * GROUP;
    const size_t floats = (size_t)tiles.limit * (size_t)(job->inputs + PANELS * PANEL) + (1 + PANELS) * GAP;
    const size_t slot = POINTS * (floats + (size_t)job->inputs);
    float *scratch = malloc(sizeof(float) * (slot * (size_t)threads + 2 * PANEL));
    if (!scratch) return -1;
    float *aligned = (float *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
    share_rows(NAME(winograd_tiles), job, &tiles, aligned, slot, count, tiles.limit, threads);
    free(scratch);
    return 0;
}
