/* The kernels, compiled once for each instruction set; NAME gives every function the variant's suffix. */

#define INLINE static inline __attribute__((always_inline))
#define LINE 32 /* outputs worked on before they are stored */

#ifdef BASE
typedef float V4 __attribute__((vector_size(16)));
typedef float V8 __attribute__((vector_size(32)));
typedef int32_t I4 __attribute__((vector_size(16)));

/* What the threads of one call share: where each column lies on each map, and each thread's scratch. */
typedef struct {
    int columns;
    int32_t *low[MAX_MAPS];
    float *weight[MAX_MAPS];
    int stored[MAX_MAPS]; /* channels of a scratch row */
    int32_t *column;
    float *column_weight;
    float *scratch;
    size_t slot;
} Shared;
#endif

INLINE V4 NAME(load4)(const float *p) {
    V4 v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE V8 NAME(load8)(const float *p) {
    V8 v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void NAME(widen4)(const Map *map, size_t at, V4 *out) {
    if (map->type == TYPE_F32) {
        memcpy(out, (const float *)map->data + at, sizeof *out);
    } else {
        uint16_t half[4];
        uint32_t bits[4];
        memcpy(half, (const uint16_t *)map->data + at, sizeof half);
        for (int c = 0; c < 4; c++) bits[c] = (uint32_t)half[c] << 16;
        memcpy(out, bits, sizeof *out);
    }
}

/* Position of `at` on `size` samples, its last pair included: low + weight, low <= size - 2. */
INLINE int NAME(place)(float at, int size, float *weight) {
    at = at > 0 ? at : 0;
    at = at < (float)(size - 1) ? at : (float)(size - 1);
    int low = (int)at;
    low = low < size - 2 ? low : size - 2;
    *weight = at - (float)low;
    return low;
}

/* A map at picture row y: width x stored, flow in picture pixels. */
static void NAME(map_row)(const Map *map, float y, int stored, float *out) {
    float weight;
    const int low = NAME(place)((y + 0.5f) / map->scale - 0.5f, map->height, &weight), high = low + 1;
    const size_t channels = (size_t)map->channels, width = (size_t)map->width;
    size_t above, below, pair;
    if (map->shuffled) {
        above = ((size_t)(low >> 1) * width * 2 + (size_t)(low & 1) * 2) * channels;
        below = ((size_t)(high >> 1) * width * 2 + (size_t)(high & 1) * 2) * channels;
        pair = 4 * channels;
    } else {
        above = (size_t)low * width * channels;
        below = (size_t)high * width * channels;
        pair = 2 * channels;
    }
    for (size_t x = 0; x < width; x++) {
        const size_t at = (x >> 1) * pair + (x & 1) * channels;
        for (int c = 0; c < stored; c += 4) {
            V4 a, b;
            NAME(widen4)(map, above + at + (size_t)c, &a);
            NAME(widen4)(map, below + at + (size_t)c, &b);
            a += (b - a) * weight;
            if (c == 0) a *= map->scale;
            memcpy(out + x * (size_t)stored + c, &a, sizeof a);
        }
    }
}

INLINE V8 NAME(mixed8)(const float *p, size_t step, float weight) {
    const V8 a = NAME(load8)(p), b = NAME(load8)(p + step);
    return a + (b - a) * weight;
}

INLINE V4 NAME(mixed4)(const float *p, size_t step, float weight) {
    const V4 a = NAME(load4)(p), b = NAME(load4)(p + step);
    return a + (b - a) * weight;
}

/* Flow at column k of scratch rows (and what the last map holds beside it, `first` being its channels 0..7). */
INLINE V4 NAME(flow_at)(const Maps *maps, const Shared *shared, float *const *rows, int k, V8 *first, V8 *second) {
    const int last = maps->count - 1;
    const size_t stored = (size_t)shared->stored[last];
    const float *p = rows[last] + (size_t)shared->low[last][k] * stored;
    *first = NAME(mixed8)(p, stored, shared->weight[last][k]);
    if (second && stored == 16) *second = NAME(mixed8)(p + 8, stored, shared->weight[last][k]);
    V4 flow;
    if (maps->accumulates_mask) {
        for (int j = 0; j < last; j++)
            *first += NAME(mixed8)(rows[j] + (size_t)shared->low[j][k] * 8, 8, shared->weight[j][k]);
        memcpy(&flow, first, sizeof flow);
    } else {
        memcpy(&flow, first, sizeof flow);
        for (int j = 0; j < last; j++)
            flow += NAME(mixed4)(rows[j] + (size_t)shared->low[j][k] * 4, 4, shared->weight[j][k]);
    }
    return flow;
}

INLINE V4 NAME(where)(I4 yes, V4 a, V4 b) {
    return (V4)(((I4)a & yes) | ((I4)b & ~yes));
}

/* The pixels of both pictures that a flow leads to from `from`: offsets in pixels and what is left of each coordinate. */
INLINE V4 NAME(landing)(V4 from, V4 flow, int height, int width, size_t *to0, size_t *to1) {
    const float w = (float)(width - 1), h = (float)(height - 1);
    const V4 limit = {w, h, w, h};
    const I4 cap = {width - 2, height - 2, width - 2, height - 2};
    V4 at = from + flow;
    const V4 zero = {0};
    at = (V4)((I4)at & (at > zero)); /* not a number becomes 0 too */
    at = NAME(where)(at < limit, at, limit);
    I4 low = __builtin_convertvector(at, I4);
    low = (I4)NAME(where)(low < cap, (V4)low, (V4)cap);
    *to0 = (size_t)low[1] * (size_t)width + (size_t)low[0];
    *to1 = (size_t)low[3] * (size_t)width + (size_t)low[2];
    return at - __builtin_convertvector(low, V4);
}

INLINE V8 NAME(sampled8)(const float *p, size_t across, size_t down, float x, float y) {
    const V8 top = NAME(mixed8)(p, across, x), bottom = NAME(mixed8)(p + down, across, x);
    return top + (bottom - top) * y;
}

INLINE V4 NAME(sampled4)(const float *p, size_t across, size_t down, float x, float y) {
    const V4 top = NAME(mixed4)(p, across, x), bottom = NAME(mixed4)(p + down, across, x);
    return top + (bottom - top) * y;
}

INLINE void NAME(add_look)(const float *p, size_t down, float x, float y, float weight, const int channels, float *out) {
    const size_t across = (size_t)channels;
    if (channels % 8 == 0) {
        for (int c = 0; c < channels; c += 8) {
            V8 sum = NAME(load8)(out + c) + NAME(sampled8)(p + c, across, down, x, y) * weight;
            memcpy(out + c, &sum, sizeof sum);
        }
    } else {
        for (int c = 0; c < channels; c += 4) {
            V4 sum = NAME(load4)(out + c) + NAME(sampled4)(p + c, across, down, x, y) * weight;
            memcpy(out + c, &sum, sizeof sum);
        }
    }
}

static void NAME(store_bf16)(const float *from, size_t count, uint16_t *to) {
    for (size_t k = 0; k < count; k++) {
        uint32_t bits;
        memcpy(&bits, from + k, sizeof bits);
        to[k] = (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }
}

/* ---------------------------------------------------------------------------------------------------------------- */

static void NAME(free_shared)(Shared *shared) {
    free(shared->column);
    free(shared->scratch);
}

/* Tables and scratch for `columns` places at picture columns `at(k)`; `rows_kept` scratch rows of each map, and `extra`
 * floats, a thread. */
static int NAME(make_shared)(
    Shared *shared, const Maps *maps, int columns, const float *at, int last_stored, int rows_kept, size_t extra,
    int threads) {
    size_t row_floats = 0;
    for (int j = 0; j < maps->count; j++) {
        shared->stored[j] = j == maps->count - 1 ? last_stored : maps->accumulates_mask ? 8 : 4;
        row_floats += (size_t)maps->map[j].width * (size_t)shared->stored[j];
    }
    shared->columns = columns;
    shared->slot = row_floats * (size_t)rows_kept + extra + 64;
    const size_t cells = (size_t)columns;
    shared->column = malloc(cells * (2 + 2 * (size_t)maps->count) * 4 + 64);
    shared->scratch = malloc(shared->slot * (size_t)threads * sizeof(float));
    if (!shared->column || !shared->scratch) {
        NAME(free_shared)(shared);
        return -1;
    }
    shared->column_weight = (float *)(shared->column + cells);
    for (int j = 0; j < maps->count; j++) {
        shared->low[j] = shared->column + cells * (2 + 2 * (size_t)j);
        shared->weight[j] = (float *)(shared->low[j] + cells);
        const Map *map = &maps->map[j];
        for (int k = 0; k < columns; k++)
            shared->low[j][k] =
                NAME(place)((at[k] + 0.5f) / map->scale - 0.5f, map->width, &shared->weight[j][k]);
    }
    return 0;
}

/* Scratch rows of a thread. */
INLINE float *NAME(rows_of)(const Shared *shared, const Maps *maps, float *scratch, float **rows) {
    for (int j = 0; j < maps->count; j++) {
        rows[j] = scratch;
        scratch += (size_t)maps->map[j].width * (size_t)shared->stored[j];
    }
    return scratch;
}

/* ---------------------------------------------------------------------------------------------------------------- */
/* level_input */

/* One or two pixels that shrinking reads around the centre of output k, and the second one's weight. */
INLINE int NAME(taps)(int k, float scale, int size, float *weight) {
    float centre = ((float)k + 0.5f) * scale - 0.5f;
    centre = centre > 0 ? centre : 0;
    int low = (int)centre;
    low = low < size - 1 ? low : size - 1;
    *weight = low < size - 1 ? centre - (float)low : 0;
    return low;
}

INLINE void NAME(level_rows_of)(
    const LevelInput *job, const Shared *shared, float *scratch, int from, int to, const int look, const int known,
    const int taps) {
    const Maps *maps = &job->maps;
    const int total = 2 * look + known, width = job->width;
    const size_t down = (size_t)width * (size_t)look;
    float *rows[2][MAX_MAPS];
    for (int t = 0; t < taps; t++) scratch = NAME(rows_of)(shared, maps, scratch, rows[t]);
    float *line = scratch;
    for (int oy = from; oy < to; oy++) {
        float wy;
        const int y = taps == 1 ? oy : NAME(taps)(oy, job->scale, job->height, &wy);
        const int ys[2] = {y, y + 1 < job->height ? y + 1 : y};
        const float wys[2] = {taps == 1 ? 1 : 1 - wy, taps == 1 ? 0 : wy};
        for (int t = 0; t < taps; t++)
            for (int j = 0; j < maps->count; j++)
                NAME(map_row)(&maps->map[j], (float)ys[t], shared->stored[j], rows[t][j]);
        for (int start = 0; start < job->out_width; start += LINE) {
            const int end = start + LINE < job->out_width ? start + LINE : job->out_width;
            for (int ox = start; ox < end; ox++) {
                float *out = line + (size_t)(ox - start) * (size_t)total;
                V8 first = {0}, second = {0};
                V4 flows = {0};
                float time = 0, sum[64] __attribute__((aligned(64)));
                for (int c = 0; c < 2 * look; c++) sum[c] = 0;
                for (int t = 0; t < taps; t++)
                    for (int s = 0; s < taps; s++) {
                        const int k = ox * taps + s, x = shared->column[k];
                        const float weight = taps == 1 ? 1 : wys[t] * shared->column_weight[k];
                        V4 flow = {0};
                        V8 here = {0}, more = {0};
                        if (maps->count)
                            flow = NAME(flow_at)(maps, shared, rows[t], k, &here, known == 16 ? &more : NULL);
                        const V4 at = {(float)x, (float)ys[t], (float)x, (float)ys[t]};
                        size_t to0, to1;
                        const V4 part = NAME(landing)(at, flow, job->height, width, &to0, &to1);
                        NAME(add_look)(job->look0 + to0 * (size_t)look, down, part[0], part[1], weight, look, sum);
                        NAME(add_look)
                        (job->look1 + to1 * (size_t)look, down, part[2], part[3], weight, look, sum + look);
                        first += here * weight;
                        second += more * weight;
                        flows += flow * weight;
                        if (job->times) time += weight * job->times[(size_t)ys[t] * (size_t)width + (size_t)x];
                    }
                flows /= job->scale;
                memcpy(out, sum, sizeof(float) * 2 * (size_t)look);
                memcpy(out + 2 * look, &first, sizeof first);
                memcpy(out + 2 * look, &flows, sizeof flows);
                if (known == 16) memcpy(out + 2 * look + 8, &second, sizeof second);
                out[2 * look + job->time_channel] = job->times ? time : job->time;
            }
            const size_t at = ((size_t)oy * (size_t)job->out_width + (size_t)start) * (size_t)total;
            const size_t count = (size_t)(end - start) * (size_t)total;
            if (job->type == TYPE_F32)
                memcpy((float *)job->out + at, line, count * sizeof(float));
            else
                NAME(store_bf16)(line, count, (uint16_t *)job->out + at);
        }
    }
}

#define LEVEL_CASE(LOOK, KNOWN) \
    if (job->look_channels == LOOK && job->known == KNOWN) { \
        if (job->scale == 1) \
            NAME(level_rows_of)(job, shared, scratch, from, to, LOOK, KNOWN, 1); \
        else \
            NAME(level_rows_of)(job, shared, scratch, from, to, LOOK, KNOWN, 2); \
        return; \
    }

static void NAME(level_rows)(const void *data, void *kept, float *scratch, int from, int to) {
    const LevelInput *job = data;
    const Shared *shared = kept;
    LEVEL_CASE(4, 8)
    LEVEL_CASE(8, 8)
    LEVEL_CASE(8, 16)
    LEVEL_CASE(12, 8)
    LEVEL_CASE(12, 16)
    LEVEL_CASE(20, 16)
}
#undef LEVEL_CASE

static int NAME(level_input)(const LevelInput *job, int threads) {
    Shared shared = {0};
    const int taps = job->scale == 1 ? 1 : 2, columns = job->out_width * taps;
    float *at = malloc(sizeof(float) * (size_t)columns);
    if (!at) return -1;
    for (int ox = 0; ox < job->out_width; ox++) {
        float weight;
        const int x = taps == 1 ? ox : NAME(taps)(ox, job->scale, job->width, &weight);
        for (int s = 0; s < taps; s++) at[ox * taps + s] = (float)(x + s < job->width ? x + s : x);
    }
    const size_t line = LINE * (size_t)(2 * job->look_channels + job->known);
    const int failed = NAME(make_shared)(&shared, &job->maps, columns, at, job->known, taps, line, threads);
    if (!failed) {
        for (int k = 0; k < columns; k++) {
            shared.column[k] = (int)at[k];
            float weight = 0;
            if (taps == 2) NAME(taps)(k / 2, job->scale, job->width, &weight);
            shared.column_weight[k] = k & 1 ? weight : 1 - weight;
        }
        share_rows(NAME(level_rows), job, &shared, shared.scratch, shared.slot, job->out_height, 4, threads);
        NAME(free_shared)(&shared);
    }
    free(at);
    return failed;
}

/* ---------------------------------------------------------------------------------------------------------------- */
/* moved */

/* 1 / (1 + exp(-x)) to 2e-7. */
INLINE float NAME(sigmoid)(float x) {
    float t = x * -1.44269504f;
    t = t > -126 ? t : -126;
    t = t < 126 ? t : 126;
    const float whole = (t + 12582912.0f) - 12582912.0f, part = (t - whole) * 0.693147181f;
    const float power =
        1 + part * (1 + part * (0.5f + part * (1.6666667e-1f + part * (4.1666667e-2f + part * (8.333333e-3f + part * 1.388889e-3f)))));
    const int32_t bits = ((int32_t)whole + 127) << 23;
    float two;
    memcpy(&two, &bits, sizeof two);
    return 1 / (1 + power * two);
}

#define MOVED_ROW(sample, name) \
    static void NAME(moved_row_##name)( \
        const sample *first, const sample *last, size_t down, const int32_t *to0, const int32_t *to1, const V4 *part, \
        const float *weight, int width, float *out) { \
        for (int k = 0; k < width; k++) { \
            const sample *p = first + to0[k], *q = last + to1[k]; \
            const V4 at = part[k]; \
            const float a = (float)p[0], b = (float)p[1], c = (float)p[down], d = (float)p[down + 1]; \
            const float e = (float)q[0], f = (float)q[1], g = (float)q[down], h = (float)q[down + 1]; \
            const float top0 = a + (b - a) * at[0], bottom0 = c + (d - c) * at[0]; \
            const float top1 = e + (f - e) * at[2], bottom1 = g + (h - g) * at[2]; \
            const float v0 = top0 + (bottom0 - top0) * at[1], v1 = top1 + (bottom1 - top1) * at[3]; \
            out[k] = v1 + (v0 - v1) * weight[k]; \
        } \
    }
MOVED_ROW(uint8_t, u8)
MOVED_ROW(uint16_t, u16)
MOVED_ROW(float, f32)
#undef MOVED_ROW

/* Rounds half to even and clips. */
#define STORE_ROW(sample, name) \
    static void NAME(store_##name)(const float *from, int count, float peak, sample *to) { \
        for (int k = 0; k < count; k++) { \
            float v = from[k] > 0 ? from[k] : 0; \
            v = v < peak ? v : peak; \
            to[k] = (sample)(int32_t)((v + 12582912.0f) - 12582912.0f); \
        } \
    }
STORE_ROW(uint8_t, u8)
STORE_ROW(uint16_t, u16)
#undef STORE_ROW

static void NAME(moved_rows)(const void *data, void *kept, float *scratch, int from, int to) {
    const Moved *job = data;
    const Shared *shared = kept;
    const Maps *maps = &job->maps;
    const int width = job->width;
    float *rows[MAX_MAPS];
    V4 *part = (V4 *)(((uintptr_t)NAME(rows_of)(shared, maps, scratch, rows) + 63) & ~(uintptr_t)63);
    float *weight = (float *)(part + width), *made = weight + width;
    int32_t *to0 = (int32_t *)(made + width), *to1 = to0 + width;
    const V4 step = {1 / job->step_x, 1 / job->step_y, 1 / job->step_x, 1 / job->step_y};
    for (int y = from; y < to; y++) {
        for (int j = 0; j < maps->count; j++)
            NAME(map_row)(&maps->map[j], (float)y * job->step_y + job->offset_y, shared->stored[j], rows[j]);
        for (int k = 0; k < width; k++) {
            V8 here;
            const V4 flow = NAME(flow_at)(maps, shared, rows, k, &here, NULL);
            const V4 at = {(float)k, (float)y, (float)k, (float)y};
            size_t a, b;
            part[k] = NAME(landing)(at, flow * step, job->height, width, &a, &b);
            to0[k] = (int32_t)a;
            to1[k] = (int32_t)b;
            weight[k] = here[4];
        }
        for (int k = 0; k < width; k++) weight[k] = NAME(sigmoid)(weight[k]);
        for (int p = 0; p < job->planes; p++) {
            const MovedPlane *plane = &job->plane[p];
            char *out = (char *)plane->out + (int64_t)y * plane->stride;
            const size_t down = (size_t)width;
            if (job->type == TYPE_U8) {
                NAME(moved_row_u8)(plane->first, plane->last, down, to0, to1, part, weight, width, made);
                NAME(store_u8)(made, width, job->peak, (uint8_t *)out);
            } else if (job->type == TYPE_U16) {
                NAME(moved_row_u16)(plane->first, plane->last, down, to0, to1, part, weight, width, made);
                NAME(store_u16)(made, width, job->peak, (uint16_t *)out);
            } else {
                NAME(moved_row_f32)(plane->first, plane->last, down, to0, to1, part, weight, width, (float *)out);
            }
        }
    }
}

static int NAME(moved)(const Moved *job, int threads) {
    Shared shared = {0};
    float *at = malloc(sizeof(float) * (size_t)job->width);
    if (!at) return -1;
    for (int k = 0; k < job->width; k++) at[k] = (float)k * job->step_x + job->offset_x;
    const size_t extra = (size_t)job->width * 8 + 16;
    const int failed = NAME(make_shared)(&shared, &job->maps, job->width, at, 8, 1, extra, threads);
    if (!failed) {
        share_rows(NAME(moved_rows), job, &shared, shared.scratch, shared.slot, job->height, 4, threads);
        NAME(free_shared)(&shared);
    }
    free(at);
    return failed;
}

/* ---------------------------------------------------------------------------------------------------------------- */
/* view and look */

/* A row of samples as floats; not a number is 0 and what is infinite 0 or 1. */
static void NAME(float_row)(const void *plane, int type, size_t at, int count, float *out) {
    if (type == TYPE_U8) {
        for (int k = 0; k < count; k++) out[k] = (float)((const uint8_t *)plane)[at + (size_t)k];
    } else if (type == TYPE_U16) {
        for (int k = 0; k < count; k++) out[k] = (float)((const uint16_t *)plane)[at + (size_t)k];
    } else {
        for (int k = 0; k < count; k++) {
            const float v = ((const float *)plane)[at + (size_t)k];
            out[k] = v - v == 0 ? v : v > 0 ? 1.0f : 0.0f;
        }
    }
}

static void NAME(view_rows)(const void *data, void *kept, float *scratch, int from, int to) {
    const View *job = data;
    const Shared *shared = kept;
    const int width = job->width, chroma = job->chroma_width;
    const int smaller = chroma != width || job->chroma_height != job->height;
    float *rows[3] = {scratch, scratch + width, scratch + 2 * (size_t)width};
    float *above = scratch + 3 * (size_t)width, *below = above + chroma;
    for (int oy = from; oy < to; oy++) {
        const int y = oy < job->height ? oy : job->height - 1;
        float *out = job->out + (size_t)oy * (size_t)job->out_width * 3;
        if (oy > from && y == oy - 1 && oy >= job->height) {
            memcpy(out, out - (size_t)job->out_width * 3, (size_t)job->out_width * 3 * sizeof(float));
            continue;
        }
        NAME(float_row)(job->plane[0], job->type, (size_t)y * (size_t)width, width, rows[0]);
        for (int p = 1; p < job->planes; p++) {
            if (!smaller) {
                NAME(float_row)(job->plane[p], job->type, (size_t)y * (size_t)width, width, rows[p]);
                continue;
            }
            float weight = 0;
            const int size = job->chroma_height;
            float at = ((float)y - job->offset_y) / job->step_y;
            const int low = size > 1 ? NAME(place)(at, size, &weight) : 0, high = size > 1 ? low + 1 : 0;
            NAME(float_row)(job->plane[p], job->type, (size_t)low * (size_t)chroma, chroma, above);
            NAME(float_row)(job->plane[p], job->type, (size_t)high * (size_t)chroma, chroma, below);
            for (int k = 0; k < chroma; k++) above[k] += (below[k] - above[k]) * weight;
            const int next = chroma > 1;
            for (int k = 0; k < width; k++) {
                const float *c = above + shared->column[k];
                rows[p][k] = c[0] + (c[next] - c[0]) * shared->column_weight[k];
            }
        }
        for (int channel = 0; channel < 3; channel++) {
            const float *m = job->matrix[channel];
            for (int k = 0; k < width; k++) {
                float v = m[0] * rows[0][k] + m[3];
                if (job->planes == 3) v += m[1] * rows[1][k] + m[2] * rows[2][k];
                v = v > 0 ? v : 0;
                out[3 * k + channel] = v < 1 ? v : 1;
            }
        }
        for (int k = width; k < job->out_width; k++) memcpy(out + 3 * k, out + 3 * (width - 1), 3 * sizeof(float));
    }
}

static int NAME(view)(const View *job, int threads) {
    Shared shared = {0};
    const Maps none = {0};
    float *at = calloc((size_t)job->width, sizeof(float));
    if (!at) return -1;
    const size_t extra = 3 * (size_t)job->width + 2 * (size_t)job->chroma_width;
    const int failed = NAME(make_shared)(&shared, &none, job->width, at, 0, 0, extra, threads);
    if (!failed) {
        for (int k = 0; k < job->width; k++) {
            shared.column_weight[k] = 0;
            shared.column[k] = 0;
            if (job->chroma_width > 1)
                shared.column[k] = NAME(place)(
                    ((float)k - job->offset_x) / job->step_x, job->chroma_width, &shared.column_weight[k]);
        }
        share_rows(NAME(view_rows), job, &shared, shared.scratch, shared.slot, job->out_height, 8, threads);
        NAME(free_shared)(&shared);
    }
    free(at);
    return failed;
}

INLINE void NAME(look_rows_of)(const Look *job, int from, int to, const int count, const int channels) {
    for (int y = from; y < to; y++) {
        const float *rgb = job->picture + (size_t)y * (size_t)job->width * 3;
        float *out = job->out + (size_t)y * (size_t)job->width * (size_t)channels;
        const size_t cell = 4 * (size_t)count;
        const float *row = job->features
            ? job->features + (size_t)(y >> 1) * (size_t)(job->width / 2) * cell + (size_t)(y & 1) * 2 * (size_t)count
            : NULL;
        for (int x = 0; x < job->width; x++, out += channels, rgb += 3) {
            const float *features = row + (size_t)(x >> 1) * cell + (size_t)(x & 1) * (size_t)count;
            for (int c = 0; c < 3; c++) out[c] = rgb[c];
            for (int c = 0; c < count; c++) out[3 + c] = features[c];
            for (int c = 3 + count; c < channels; c++) out[c] = 0;
        }
    }
}

static void NAME(look_rows)(const void *data, void *kept, float *scratch, int from, int to) {
    const Look *job = data;
    (void)kept;
    (void)scratch;
    if (job->count == 4 && job->channels == 8)
        NAME(look_rows_of)(job, from, to, 4, 8);
    else if (job->count == 8 && job->channels == 12)
        NAME(look_rows_of)(job, from, to, 8, 12);
    else
        NAME(look_rows_of)(job, from, to, job->count, job->channels);
}

static int NAME(look)(const Look *job, int threads) {
    share_rows(NAME(look_rows), job, NULL, NULL, 0, job->height, 8, threads);
    return 0;
}

#define QUOTED(x) #x
#define TEXT(x) QUOTED(x)
static const Variant NAME(variant) = {
    TEXT(NAME()), NAME(level_input), NAME(moved), NAME(view), NAME(look),
};
#undef TEXT
#undef QUOTED
#undef LINE
#undef INLINE
