/* The kernels, compiled once for each instruction set; NAME gives every function the variant's suffix. */

#define INLINE static inline __attribute__((always_inline))

#ifdef BASE
/* The arrays of the loop that follows do not overlap. */
#if defined(__clang__)
#define APART _Pragma("clang loop vectorize(assume_safety)")
#else
#define APART _Pragma("GCC ivdep")
#endif
#define SLACK 32 /* floats behind an array that may be read and written; their values are never used */
typedef float V4 __attribute__((vector_size(16)));
typedef float V8 __attribute__((vector_size(32)));
typedef float V16 __attribute__((vector_size(64))); /* four pixels of four channels */
typedef int32_t I8 __attribute__((vector_size(32)));
typedef int32_t I16 __attribute__((vector_size(64)));
typedef uint32_t U4 __attribute__((vector_size(16)));
typedef uint32_t U8 __attribute__((vector_size(32)));
typedef uint16_t H4 __attribute__((vector_size(8)));
typedef uint16_t H8 __attribute__((vector_size(16)));

typedef struct {
    int from, to, low; /* columns between the same two of a map's */
} Run;

/* Shared by the threads of one call: the positions of its columns on each map, and the threads' scratch space. */
typedef struct {
    int columns;          /* a multiple of 4; those beyond the wanted ones repeat the last */
    float *at;            /* {x, 0, x, 0} for each column: in pixels of what is sampled */
    int32_t *low;         /* of the last map */
    float *weight[MAX_MAPS]; /* of the right one of two map columns; four times each, but for the last map */
    Run *run[MAX_MAPS]; /* where there are no runs: the left one of two map columns, of each column */
    int runs[MAX_MAPS];
    int stored[MAX_MAPS]; /* channels of a scratch row */
    int32_t *cell;      /* of the correction: the left one of two cells, of each column */
    float *cell_weight; /* of the right one */
    void *tables;
    float *scratch;
    size_t slot;
} Shared;

typedef struct {
    int32_t *low;
    float *weight;
} RgbColumns;

/* Destinations of a row of a plane: offsets in both pictures, fractions of the coordinates, the weight of picture 0. */
typedef struct {
    int32_t *at0, *at1;
    float *x0, *y0, *x1, *y1, *weight;
} Destinations;

/* Destinations for the sharp kernel, by end. */
typedef struct {
    int32_t *at[2], *edge[2];
    float *x[2], *y[2], *weight, *sharpness;
} SharpDestinations;

/* What the passes of a correction share: the ends along a motion, one Lucas-Kanade step, and what the result is made of. */
typedef struct {
    const float *motion;
    int is_flow;
    float *mean, *error;
} Ends;

typedef struct {
    const float *mean, *error, *from;
    float *to, *before;
} Step;

typedef struct {
    const float *refined, *mean, *error, *own_error, *before;
} Result;

/* A row of columns: its flow and the positions that the flow leads to. */
typedef struct {
    float *rows[MAX_MAPS];
    float *flow;  /* four for each column, in picture pixels; of the earlier maps, the last one's is to be added */
    float *part;  /* fractions of the four coordinates */
    int32_t *to;  /* offset in pixels in picture 0, -, in picture 1, - */
    float *last_map; /* the last map's channels */
} Row;
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

INLINE V16 NAME(load16)(const float *p) {
    V16 v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE V16 NAME(four_times)(V4 v) {
#if defined(HAS_BF16)
    return (V16)_mm512_broadcast_f32x4((__m128)v);
#elif defined(HAS_AVX2)
    const V8 twice = (V8)_mm256_set_m128((__m128)v, (__m128)v);
    return __builtin_shufflevector(twice, twice, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#else
    return __builtin_shufflevector(v, v, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
#endif
}

/* Every fourth of 32 floats, from the first on. */
INLINE void NAME(fourth)(const float *p, float *out) {
    const V8 v = __builtin_shufflevector(NAME(load16)(p), NAME(load16)(p + 16), 0, 4, 8, 12, 16, 20, 24, 28);
    memcpy(out, &v, sizeof v);
}

INLINE V4 NAME(widen4)(const uint16_t *p) {
    H4 half;
    memcpy(&half, p, sizeof half);
    return (V4)(__builtin_convertvector(half, U4) << 16);
}

INLINE V8 NAME(widen8)(const uint16_t *p) {
    H8 half;
    memcpy(&half, p, sizeof half);
    return (V8)(__builtin_convertvector(half, U8) << 16);
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

INLINE V4 NAME(map4)(const char *row, size_t at, const int is_f32) {
    return is_f32 ? NAME(load4)((const float *)(const void *)row + at) : NAME(widen4)((const uint16_t *)(const void *)row + at);
}

INLINE V8 NAME(map8)(const char *row, size_t at, const int is_f32) {
    return is_f32 ? NAME(load8)((const float *)(const void *)row + at) : NAME(widen8)((const uint16_t *)(const void *)row + at);
}

/* One row of map pixels between two of the map's, or on the upper one where `is_between` is 0. */
INLINE void NAME(map_row_of)(
    const Map *map, size_t above, size_t below, float weight, float *out, const int stored, const int is_f32,
    const int is_between) {
    const size_t channels = (size_t)map->channels, pair = (map->shuffled ? 4 : 2) * channels;
    const size_t size = is_f32 ? sizeof(float) : sizeof(uint16_t);
    const char *p = (const char *)map->data + above * size, *q = (const char *)map->data + below * size;
    for (int x = 0; x < map->width; x += 2, p += pair * size, q += pair * size, out += 2 * stored)
        for (int half = 0; half < 2; half++) {
            const size_t at = half ? channels : 0;
            float *to = out + half * stored;
            if (stored == 4) {
                V4 a = NAME(map4)(p, at, is_f32);
                if (is_between) a += (NAME(map4)(q, at, is_f32) - a) * weight;
                memcpy(to, &a, sizeof a);
            } else {
                for (int c = 0; c < stored; c += 8) {
                    V8 a = NAME(map8)(p, at + (size_t)c, is_f32);
                    if (is_between) a += (NAME(map8)(q, at + (size_t)c, is_f32) - a) * weight;
                    memcpy(to + c, &a, sizeof a);
                }
            }
        }
}

#define ROW_CASE(STORED, IS_F32) \
    if (stored == STORED && (map->type == TYPE_F32) == IS_F32) { \
        if (weight == 0) \
            NAME(map_row_of)(map, above, above, 0, out, STORED, IS_F32, 0); \
        else \
            NAME(map_row_of)(map, above, below, weight, out, STORED, IS_F32, 1); \
    }

/* A map at picture row y: width x stored, followed by slack. */
static void NAME(map_row)(const Map *map, float y, int stored, float *out) {
    float weight;
    const int low = NAME(place)((y + 0.5f) / map->scale - 0.5f, map->height, &weight), high = low + 1;
    const size_t channels = (size_t)map->channels, row = (size_t)map->width * channels;
    size_t above = (size_t)low * row, below = (size_t)high * row;
    if (map->shuffled) {
        above = (size_t)(low >> 1) * 2 * row + (size_t)(low & 1) * 2 * channels;
        below = (size_t)(high >> 1) * 2 * row + (size_t)(high & 1) * 2 * channels;
    }
    ROW_CASE(4, 0)
    ROW_CASE(8, 0)
    ROW_CASE(16, 0)
    ROW_CASE(4, 1)
    ROW_CASE(8, 1)
    ROW_CASE(16, 1)
    memset(out + (size_t)map->width * (size_t)stored, 0, 4 * sizeof *out);
}
#undef ROW_CASE

INLINE V8 NAME(mixed8)(const float *p, size_t step, float weight) {
    const V8 a = NAME(load8)(p), b = NAME(load8)(p + step);
    return a + (b - a) * weight;
}

INLINE V4 NAME(mixed4)(const float *p, size_t step, float weight) {
    const V4 a = NAME(load4)(p), b = NAME(load4)(p + step);
    return a + (b - a) * weight;
}

/* Flow and the other channels of the maps at all columns of picture row y. */
INLINE void NAME(find_flow)(const Maps *maps, const Shared *shared, const Row *row, float y, const int stored) {
    const int last = maps->count - 1, columns = shared->columns;
    if (maps->count == 0) {
        memset(row->flow, 0, sizeof(float) * 4 * (size_t)columns);
        memset(row->last_map, 0, sizeof(float) * (size_t)(columns * stored));
        return;
    }
    for (int j = 0; j <= last; j++) NAME(map_row)(&maps->map[j], y, shared->stored[j], row->rows[j]);
    const float *from = row->rows[last], *weights_last = shared->weight[last], scale_last = maps->map[last].scale;
    for (int k = 0; k < columns; k++) {
        const float *p = from + (size_t)shared->low[k] * (size_t)stored, weight = weights_last[k];
        V4 flow;
        if (stored == 16) {
            const V16 a = NAME(load16)(p), v = a + (NAME(load16)(p + 16) - a) * weight;
            memcpy(row->last_map + (size_t)k * 16, &v, sizeof v);
            memcpy(&flow, &v, sizeof flow);
        } else if (stored == 4) {
            flow = NAME(mixed4)(p, 4, weight);
        } else {
            const V8 v = NAME(mixed8)(p, 8, weight);
            memcpy(row->last_map + (size_t)k * 8, &v, sizeof v);
            memcpy(&flow, &v, sizeof flow);
        }
        flow *= scale_last;
        memcpy(row->flow + 4 * k, &flow, sizeof flow);
    }
    for (int j = 0; j < last; j++) {
        const float scale = maps->map[j].scale, *weights = shared->weight[j];
        if (!shared->runs[j]) {
            const int32_t *low = (const int32_t *)shared->run[j];
            const size_t step = (size_t)shared->stored[j];
            for (int k = 0; k < columns; k++) {
                const float *p = row->rows[j] + (size_t)low[k] * step;
                const V4 a = NAME(load4)(p), d = NAME(load4)(p + step) - a;
                const V4 sum = NAME(load4)(row->flow + 4 * k) + (a + d * NAME(load4)(weights + 4 * k)) * scale;
                memcpy(row->flow + 4 * k, &sum, sizeof sum);
            }
            if (maps->accumulates_mask)
                for (int k = 0; k < columns; k++) {
                    const float *p = row->rows[j] + (size_t)low[k] * step;
                    row->last_map[(size_t)(k * stored) + 4] += p[4] + (p[12] - p[4]) * weights[4 * k];
                }
        }
        for (int r = 0; r < shared->runs[j]; r++) {
            const Run run = shared->run[j][r];
            const float *p = row->rows[j] + (size_t)run.low * (size_t)shared->stored[j];
            const V4 a = NAME(load4)(p) * scale, d = NAME(load4)(p + shared->stored[j]) * scale - a;
            const V16 a4 = NAME(four_times)(a), d4 = NAME(four_times)(d);
            int k = run.from;
            for (; k + 4 <= run.to; k += 4) {
                const V16 sum = NAME(load16)(row->flow + 4 * k) + (a4 + d4 * NAME(load16)(weights + 4 * k));
                memcpy(row->flow + 4 * k, &sum, sizeof sum);
            }
            for (; k < run.to; k++) {
                const V4 sum = NAME(load4)(row->flow + 4 * k) + (a + d * weights[4 * k]);
                memcpy(row->flow + 4 * k, &sum, sizeof sum);
            }
            if (maps->accumulates_mask)
                for (k = run.from; k < run.to; k++)
                    row->last_map[(size_t)(k * stored) + 4] += p[4] + (p[12] - p[4]) * weights[4 * k];
        }
    }
}

/* The positions in both pictures, height x width, that the flow leads to from row y; flow is divided by the steps. */
INLINE void NAME(land)(const Shared *shared, const Row *row, float y, float step_y, float step_x, int height, int width) {
    const float w = (float)(width - 1), h = (float)(height - 1), sx = 1 / step_x, sy = 1 / step_y;
    const V16 down = {0, y, 0, y, 0, y, 0, y, 0, y, 0, y, 0, y, 0, y};
    const V16 step = {sx, sy, sx, sy, sx, sy, sx, sy, sx, sy, sx, sy, sx, sy, sx, sy};
    const V16 limit = {w, h, w, h, w, h, w, h, w, h, w, h, w, h, w, h}, zero = {0};
    const int cx = width - 2, cy = height - 2;
    const I16 cap = {cx, cy, cx, cy, cx, cy, cx, cy, cx, cy, cx, cy, cx, cy, cx, cy};
    const I16 stride = {1, width, 1, width, 1, width, 1, width, 1, width, 1, width, 1, width, 1, width};
    for (int k = 0; k < shared->columns; k += 4) {
        V16 at = NAME(load16)(shared->at + 4 * k) + down + NAME(load16)(row->flow + 4 * k) * step;
        at = (V16)((I16)at & (at > zero)); /* NaN becomes 0 too */
        I16 less = at < limit;
        at = (V16)(((I16)at & less) | ((I16)limit & ~less));
        I16 low = __builtin_convertvector(at, I16);
        less = low < cap;
        low = (low & less) | (cap & ~less);
        at -= __builtin_convertvector(low, V16);
        low *= stride;
        low += __builtin_shufflevector(low, low, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
        memcpy(row->part + 4 * k, &at, sizeof at);
        memcpy(row->to + 4 * k, &low, sizeof low);
    }
}

INLINE V8 NAME(sampled8)(const float *p, size_t across, size_t down, float x, float y) {
    const V8 top = NAME(mixed8)(p, across, x), bottom = NAME(mixed8)(p + down, across, x);
    return top + (bottom - top) * y;
}

INLINE V4 NAME(sampled4)(const float *p, size_t across, size_t down, float x, float y) {
    const V4 top = NAME(mixed4)(p, across, x), bottom = NAME(mixed4)(p + down, across, x);
    return top + (bottom - top) * y;
}

INLINE void NAME(add_encoded)(
    const float *encoded, int to, size_t down, const float *part, float weight, const int only, const int channels,
    float *out) {
    const size_t across = (size_t)channels;
    const float *p = encoded + (size_t)to * across, x = part[0], y = part[1];
    __builtin_prefetch(p + 2 * down); /* what the row below will most likely read */
    if (channels % 8 == 0) {
        for (int c = 0; c < channels; c += 8) {
            V8 sum = NAME(sampled8)(p + c, across, down, x, y);
            if (!only) sum = NAME(load8)(out + c) + sum * weight;
            memcpy(out + c, &sum, sizeof sum);
        }
    } else {
        for (int c = 0; c < channels; c += 4) {
            V4 sum = NAME(sampled4)(p + c, across, down, x, y);
            if (!only) sum = NAME(load4)(out + c) + sum * weight;
            memcpy(out + c, &sum, sizeof sum);
        }
    }
}

INLINE void NAME(narrow8)(const float *from, uint16_t *to) {
#ifdef HAS_BF16
    const __m128bh half = _mm256_cvtneps_pbh(_mm256_loadu_ps(from));
#else
    U8 bits;
    memcpy(&bits, from, sizeof bits);
    const H8 half = __builtin_convertvector((bits + 0x7fff + ((bits >> 16) & 1)) >> 16, H8);
#endif
    memcpy(to, &half, sizeof half);
}

/* ---------------------------------------------------------------------------------------------------------------- */

static void NAME(free_shared)(Shared *shared) {
    free(shared->tables);
    free(shared->scratch);
}

INLINE float *NAME(cut)(float **rest, size_t count) {
    float *here = *rest;
    *rest += (count + 15) & ~(size_t)15;
    return here;
}

/* Tables for `columns` places at `at(k)` of what is sampled and `on(k)` of the picture, and for each thread `kept` rows
 * and `extra` floats. */
static int NAME(make_shared)(
    Shared *shared, const Maps *maps, int columns, const float *at, const float *on, int map_channels, int kept, size_t extra,
    int threads) {
    const int last = maps->count - 1, whole = (columns + 3) & ~3;
    const size_t cells = ((size_t)whole + 15) & ~(size_t)15;
    size_t floats = 0;
    for (int j = 0; j <= last; j++) {
        shared->stored[j] = j == last ? map_channels : maps->accumulates_mask ? 8 : 4;
        floats += (size_t)maps->map[j].width * (size_t)shared->stored[j] + 32;
    }
    floats += cells * (size_t)(12 + map_channels) + 2 * SLACK;
    shared->columns = whole;
    shared->slot = (floats * (size_t)kept + extra + 31) & ~(size_t)15;
    shared->tables = malloc(sizeof(float) * cells * (6 + 7 * (size_t)maps->count) + 64);
    shared->scratch = malloc(sizeof(float) * shared->slot * (size_t)threads + 64);
    if (!shared->tables || !shared->scratch) {
        NAME(free_shared)(shared);
        return -1;
    }
    float *rest = shared->tables;
    shared->at = NAME(cut)(&rest, 4 * cells);
    shared->low = (int32_t *)NAME(cut)(&rest, cells);
    for (int k = 0; k < whole; k++) {
        const float x = at[k < columns ? k : columns - 1];
        const V4 four = {x, 0, x, 0};
        memcpy(shared->at + 4 * k, &four, sizeof four);
    }
    for (int j = 0; j <= last; j++) {
        const Map *map = &maps->map[j];
        shared->weight[j] = NAME(cut)(&rest, 4 * cells);
        shared->run[j] = (Run *)NAME(cut)(&rest, 3 * cells);
        shared->runs[j] = 0;
        const int short_runs = columns < 2 || (on[columns - 1] - on[0]) * 4 > map->scale * (float)(columns - 1);
        for (int k = 0; k < whole; k++) {
            float weight;
            const float x = on[k < columns ? k : columns - 1];
            const int low = NAME(place)((x + 0.5f) / map->scale - 0.5f, map->width, &weight);
            if (short_runs) ((int32_t *)shared->run[j])[k] = low;
            if (j == last) {
                shared->low[k] = low;
                shared->weight[j][k] = weight;
                continue;
            }
            for (int c = 0; c < 4; c++) shared->weight[j][4 * k + c] = weight;
            if (short_runs) continue;
            Run *run = shared->run[j] + shared->runs[j];
            if (shared->runs[j] && run[-1].low == low) {
                run[-1].to = k + 1;
            } else {
                *run = (Run){k, k + 1, low};
                shared->runs[j]++;
            }
        }
    }
    return 0;
}

/* Cuts a row out of a thread's scratch space; returns the rest. */
INLINE float *NAME(row_of)(const Shared *shared, const Maps *maps, int map_channels, float *scratch, Row *row) {
    const size_t cells = (size_t)shared->columns;
    for (int j = 0; j < maps->count; j++)
        row->rows[j] = NAME(cut)(&scratch, (size_t)maps->map[j].width * (size_t)shared->stored[j] + 8);
    row->flow = NAME(cut)(&scratch, 4 * cells);
    row->part = NAME(cut)(&scratch, 4 * cells + SLACK);
    row->to = (int32_t *)NAME(cut)(&scratch, 4 * cells + SLACK);
    row->last_map = NAME(cut)(&scratch, (size_t)map_channels * cells);
    return scratch;
}

/* ---------------------------------------------------------------------------------------------------------------- */
/* block_input */

/* The one or two pixels around the centre of output k that downscaling reads, and the weight of the second. */
INLINE int NAME(taps)(int k, float scale, int size, float *weight) {
    float centre = ((float)k + 0.5f) * scale - 0.5f;
    centre = centre > 0 ? centre : 0;
    int low = (int)centre;
    low = low < size - 1 ? low : size - 1;
    *weight = low < size - 1 ? centre - (float)low : 0;
    return low;
}

INLINE void NAME(block_input_rows_of)(
    const BlockInput *job, const Shared *shared, float *scratch, int from, int to, const int encoded, const int map_channels,
    const int taps) {
    const int total = 2 * encoded + map_channels, width = job->width, out_width = job->out_width, is_f32 = job->type == TYPE_F32;
    const size_t down = (size_t)width * (size_t)encoded;
    const float *encoded0 = job->encoded0, *encoded1 = job->encoded1, *times = job->times, *weights = job->weights;
    const float shrink = 1 / job->scale, time = times ? 0 : job->time;
    uint16_t *bf16 = job->out;
    Row rows[2];
    for (int t = 0; t < taps; t++) scratch = NAME(row_of)(shared, &job->maps, map_channels, scratch, &rows[t]);
    for (int line = from; line < to; line++) {
        const int oy = job->first_row + line;
        const size_t at = (size_t)line * (size_t)job->out_width * (size_t)total;
        if (oy < 0 || oy >= job->full_height) {
            const size_t bytes = job->type == TYPE_F32 ? 4 : 2;
            memset((char *)job->out + at * bytes, 0, (size_t)job->out_width * (size_t)total * bytes);
            continue;
        }
        float wy = 0;
        const int y = taps == 1 ? oy : NAME(taps)(oy, job->scale, job->height, &wy);
        const int ys[2] = {y, y + 1 < job->height ? y + 1 : y};
        const float wys[2] = {1 - wy, wy};
        for (int t = 0; t < taps; t++) {
            NAME(find_flow)(&job->maps, shared, &rows[t], (float)ys[t], map_channels);
            NAME(land)(shared, &rows[t], (float)ys[t], 1, 1, job->height, width);
        }
        for (int ox = 0; ox < out_width; ox++) {
            V8 first = {0}, second = {0}, flows = {0};
            float moment = time, out[64] __attribute__((aligned(64)));
            if (taps == 2)
                for (int c = 0; c < 2 * encoded; c++) out[c] = 0;
            for (int t = 0; t < taps; t++)
                for (int s = 0; s < taps; s++) {
                    const Row *row = &rows[t];
                    const int k = ox * taps + s;
                    const float weight = taps == 1 ? 1 : wys[t] * weights[k], *part = row->part + 4 * k;
                    NAME(add_encoded)(encoded0, row->to[4 * k], down, part, weight, taps == 1, encoded, out);
                    NAME(add_encoded)(encoded1, row->to[4 * k + 2], down, part + 2, weight, taps == 1, encoded, out + encoded);
                    first += NAME(load8)(row->last_map + k * map_channels) * weight;
                    if (map_channels == 16) second += NAME(load8)(row->last_map + k * map_channels + 8) * weight;
                    flows += NAME(load8)(row->flow + 4 * k) * weight;
                    if (times) moment += weight * times[(size_t)ys[t] * (size_t)width + (size_t)shared->at[4 * k]];
                }
            const I8 is_flow = {-1, -1, -1, -1, 0, 0, 0, 0};
            const V8 late = {0, 0, 0, 0, 0, moment, 0, 0};
            flows *= shrink;
            first = (V8)(((I8)flows & is_flow) | ((I8)first & ~is_flow));
            if (map_channels == 8) first += late;
            second += late;
            memcpy(out + 2 * encoded, &first, sizeof first);
            if (map_channels == 16) memcpy(out + 2 * encoded + 8, &second, sizeof second);
            const size_t there = at + (size_t)ox * (size_t)total;
            if (is_f32)
                memcpy((float *)job->out + there, out, sizeof(float) * (size_t)total);
            else
                for (int c = 0; c < total; c += 8) NAME(narrow8)(out + c, bf16 + there + c);
        }
    }
}

#define LEVEL_CASE(ENCODED, MAP_CHANNELS) \
    if (job->encoded_channels == ENCODED && job->map_channels == MAP_CHANNELS) { \
        if (job->scale == 1) \
            NAME(block_input_rows_of)(job, shared, scratch, from, to, ENCODED, MAP_CHANNELS, 1); \
        else \
            NAME(block_input_rows_of)(job, shared, scratch, from, to, ENCODED, MAP_CHANNELS, 2); \
        return; \
    }

static void NAME(block_input_rows)(const void *data, void *kept, float *scratch, int from, int to) {
    const BlockInput *job = data;
    const Shared *shared = kept;
    LEVEL_CASE(4, 8)
    LEVEL_CASE(8, 8)
    LEVEL_CASE(8, 16)
    LEVEL_CASE(12, 8)
    LEVEL_CASE(12, 16)
    LEVEL_CASE(20, 16)
}
#undef LEVEL_CASE

static int NAME(block_input)(const BlockInput *given, int threads) {
    BlockInput job = *given;
    Shared shared = {0};
    const int taps = job.scale == 1 ? 1 : 2, columns = job.out_width * taps;
    float *at = malloc(sizeof(float) * 2 * (size_t)columns), *weights = at + columns;
    if (!at) return -1;
    for (int k = 0; k < columns; k++) {
        float weight = 0;
        const int x = taps == 1 ? k : NAME(taps)(k / 2, job.scale, job.width, &weight);
        at[k] = (float)(taps == 2 && (k & 1) && x + 1 < job.width ? x + 1 : x);
        weights[k] = k & 1 ? weight : 1 - weight;
    }
    job.weights = weights;
    const int failed = NAME(make_shared)(&shared, &job.maps, columns, at, at, job.map_channels, taps, 0, threads);
    if (!failed) {
        share_rows(NAME(block_input_rows), &job, &shared, shared.scratch, shared.slot, job.out_height, 2, threads);
        NAME(free_shared)(&shared);
    }
    free(at);
    return failed;
}

/* ---------------------------------------------------------------------------------------------------------------- */
/* warp_and_blend */

/* exp(x) to 2e-7. */
INLINE float NAME(exponential)(float x) {
    float t = x * 1.44269504f;
    t = t > -126 ? t : -126;
    t = t < 126 ? t : 126;
    const float whole = (t + 12582912.0f) - 12582912.0f, part = (t - whole) * 0.693147181f;
    const float power =
        1 + part * (1 + part * (0.5f + part * (1.6666667e-1f + part * (4.1666667e-2f + part * (8.333333e-3f + part * 1.388889e-3f)))));
    const int32_t bits = ((int32_t)whole + 127) << 23;
    float two;
    memcpy(&two, &bits, sizeof two);
    return power * two;
}

INLINE float NAME(sigmoid)(float x) { return 1 / (1 + NAME(exponential)(-x)); }

#define MOVED_ROW(sample, name) \
    INLINE void NAME(warp_pixel_##name)( \
        const sample *first, const sample *last, size_t down, const Destinations *to, int k, float *out) { \
        const sample *p = first + to->at0[k], *q = last + to->at1[k]; \
        const float a = (float)p[0], b = (float)p[1], c = (float)p[down], d = (float)p[down + 1]; \
        const float e = (float)q[0], f = (float)q[1], g = (float)q[down], h = (float)q[down + 1]; \
        const float top0 = a + (b - a) * to->x0[k], bottom0 = c + (d - c) * to->x0[k]; \
        const float top1 = e + (f - e) * to->x1[k], bottom1 = g + (h - g) * to->x1[k]; \
        const float v0 = top0 + (bottom0 - top0) * to->y0[k], v1 = top1 + (bottom1 - top1) * to->y1[k]; \
        out[k] = v1 + (v0 - v1) * to->weight[k]; \
    }
MOVED_ROW(uint8_t, u8)
MOVED_ROW(uint16_t, u16)
MOVED_ROW(float, f32)
#undef MOVED_ROW

#ifdef HAS_AVX2
INLINE void NAME(pair_u8)(const uint8_t *p, __m256i at, V8 *left, V8 *right) {
    const __m256i both = _mm256_i32gather_epi32((const int *)(const void *)p, at, 1), byte = _mm256_set1_epi32(255);
    *left = (V8)_mm256_cvtepi32_ps(_mm256_and_si256(both, byte));
    *right = (V8)_mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(both, 8), byte));
}

INLINE void NAME(pair_u16)(const uint16_t *p, __m256i at, V8 *left, V8 *right) {
    const __m256i both = _mm256_i32gather_epi32((const int *)(const void *)p, at, 2);
    *left = (V8)_mm256_cvtepi32_ps(_mm256_and_si256(both, _mm256_set1_epi32(65535)));
    *right = (V8)_mm256_cvtepi32_ps(_mm256_srli_epi32(both, 16));
}

INLINE void NAME(pair_f32)(const float *p, __m256i at, V8 *left, V8 *right) {
    *left = (V8)_mm256_i32gather_ps(p, at, 4);
    *right = (V8)_mm256_i32gather_ps(p + 1, at, 4);
}

#define MOVED_EIGHT(sample, name) \
    INLINE V8 NAME(eight_##name)(const sample *p, size_t down, const int32_t *at, const float *x, const float *y) { \
        const __m256i places = _mm256_loadu_si256((const __m256i *)(const void *)at); \
        V8 a, b, c, d; \
        NAME(pair_##name)(p, places, &a, &b); \
        NAME(pair_##name)(p + down, places, &c, &d); \
        const V8 part = NAME(load8)(x), top = a + (b - a) * part, bottom = c + (d - c) * part; \
        return top + (bottom - top) * NAME(load8)(y); \
    }
MOVED_EIGHT(uint8_t, u8)
MOVED_EIGHT(uint16_t, u16)
MOVED_EIGHT(float, f32)
#undef MOVED_EIGHT
#endif

#ifdef HAS_AVX2
#define MOVE_EIGHTS(name) \
    for (; k + 8 <= width; k += 8) { \
        const V8 v0 = NAME(eight_##name)(first, down, to->at0 + k, to->x0 + k, to->y0 + k); \
        const V8 v1 = NAME(eight_##name)(last, down, to->at1 + k, to->x1 + k, to->y1 + k); \
        const V8 v = v1 + (v0 - v1) * NAME(load8)(to->weight + k); \
        memcpy(out + k, &v, sizeof v); \
    }
#else
#define MOVE_EIGHTS(name)
#endif
#define MOVED_ROW(sample, name) \
    static void NAME(warp_row_##name)( \
        const sample *first, const sample *last, size_t down, const Destinations *to, int width, float *out) { \
        int k = 0; \
        MOVE_EIGHTS(name) \
        for (; k < width; k++) NAME(warp_pixel_##name)(first, last, down, to, k, out); \
    }
MOVED_ROW(uint8_t, u8)
MOVED_ROW(uint16_t, u16)
MOVED_ROW(float, f32)
#undef MOVED_ROW
#undef MOVE_EIGHTS

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

static void NAME(warp_rows)(const void *data, void *kept, float *scratch, int from, int to) {
    const WarpAndBlend *job = data;
    const Shared *shared = kept;
    const int width = job->width;
    const size_t down = (size_t)width, cells = (size_t)shared->columns;
    Row row;
    scratch = NAME(row_of)(shared, &job->maps, 8, scratch, &row);
    float *part[7];
    for (int c = 0; c < 7; c++) part[c] = NAME(cut)(&scratch, cells + SLACK);
    const Destinations destinations = {
        (int32_t *)part[0], (int32_t *)part[1], part[2], part[3], part[4], part[5], part[6],
    };
    float *made = scratch;
    for (int y = from; y < to; y++) {
        NAME(find_flow)(&job->maps, shared, &row, (float)y * job->step_y + job->offset_y, 8);
        NAME(land)(shared, &row, (float)y, job->step_y, job->step_x, job->height, width);
        for (int k = 0; k < width; k++) destinations.weight[k] = NAME(sigmoid)(row.last_map[8 * k + 4]);
        for (int k = 0; k < width; k += 8) {
            NAME(fourth)((const float *)row.to + 4 * k, (float *)destinations.at0 + k);
            NAME(fourth)((const float *)row.to + 4 * k + 2, (float *)destinations.at1 + k);
            NAME(fourth)(row.part + 4 * k, destinations.x0 + k);
            NAME(fourth)(row.part + 4 * k + 1, destinations.y0 + k);
            NAME(fourth)(row.part + 4 * k + 2, destinations.x1 + k);
            NAME(fourth)(row.part + 4 * k + 3, destinations.y1 + k);
        }
        for (int p = 0; p < job->planes; p++) {
            const WarpedPlane *plane = &job->plane[p];
            char *out = (char *)plane->out + (int64_t)y * plane->stride;
            if (job->type == TYPE_U8) {
                NAME(warp_row_u8)(plane->first, plane->last, down, &destinations, width, made);
                NAME(store_u8)(made, width, job->peak, (uint8_t *)out);
            } else if (job->type == TYPE_U16) {
                NAME(warp_row_u16)(plane->first, plane->last, down, &destinations, width, made);
                NAME(store_u16)(made, width, job->peak, (uint16_t *)out);
            } else {
                NAME(warp_row_f32)(plane->first, plane->last, down, &destinations, width, (float *)out);
            }
        }
    }
}

/* Where a row of samples lands in one picture: those at (k step, y), moved by a scaled flow. Offsets of the pixels to the
 * upper left, fractions and, unless NULL, whether a pixel next to the four around lies beyond an edge. */
INLINE void NAME(land_row)(
    const float *across, const float *down, int count, int step, float y, float scale_x, float scale_y, int width, int height,
    int32_t *at, float *part_x, float *part_y, int32_t *edge) {
    APART
    for (int k = 0; k < count; k++) {
        const int x = NAME(place)((float)(k * step) + across[k] * scale_x, width, &part_x[k]);
        const int v = NAME(place)(y + down[k] * scale_y, height, &part_y[k]);
        at[k] = v * width + x;
        if (edge) edge[k] = (x < 1) | (x > width - 3) | (v < 1) | (v > height - 3);
    }
}

#include "sharp_variant.h"

static int NAME(warp_and_blend)(const WarpAndBlend *job, int threads) {
    Shared shared = {0};
    const int width = job->width, is_sharp = job->correction.data != NULL;
    float *at = malloc(sizeof(float) * 4 * (size_t)width), *on = at + width;
    if (!at) return -1;
    shared.cell_weight = on + width;
    shared.cell = (int32_t *)(shared.cell_weight + width);
    for (int k = 0; k < width; k++) {
        at[k] = (float)k;
        on[k] = (float)k * job->step_x + job->offset_x;
        if (is_sharp)
            shared.cell[k] = NAME(place)(
                (on[k] + 0.5f) / job->correction.scale - 0.5f, job->correction.width, &shared.cell_weight[k]);
    }
    const size_t extra =
        ((size_t)width + 2 * SLACK) * (is_sharp ? 16 : 8) + (is_sharp ? 8 * (size_t)job->correction.width + SLACK : 0);
    const int failed = NAME(make_shared)(&shared, &job->maps, width, at, on, 8, 1, extra, threads);
    if (!failed) {
        const RowsFn rows = is_sharp ? NAME(sharp_rows) : NAME(warp_rows);
        share_rows(rows, job, &shared, shared.scratch, shared.slot, job->height, 4, threads);
        NAME(free_shared)(&shared);
    }
    free(at);
    return failed;
}

#include "correction_variant.h"
#include "convolutions_variant.h"

/* ---------------------------------------------------------------------------------------------------------------- */
/* to_rgb and encode */

/* A row of samples as floats; NaN and -inf become 0, +inf becomes 1. */
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

static void NAME(to_rgb_rows)(const void *data, void *kept, float *scratch, int from, int to) {
    const ToRgb *job = data;
    const RgbColumns *columns = kept;
    const int width = job->width, chroma = job->chroma_width;
    const int smaller = chroma != width || job->chroma_height != job->height;
    float *rows[3] = {scratch, scratch + width, scratch + 2 * (size_t)width};
    float *above = scratch + 3 * (size_t)width, *below = above + chroma;
    for (int oy = from; oy < to; oy++) {
        const int y = oy < job->height ? oy : job->height - 1;
        float *out = job->out + (size_t)oy * (size_t)job->out_width * 3;
        if (oy > from && oy >= job->height) {
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
                const float *c = above + columns->low[k];
                rows[p][k] = c[0] + (c[next] - c[0]) * columns->weight[k];
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

static int NAME(to_rgb)(const ToRgb *job, int threads) {
    const size_t slot = ((3 * (size_t)job->width + 2 * (size_t)job->chroma_width) + 31) & ~(size_t)15;
    float *tables = malloc(sizeof(float) * (2 * (size_t)job->width + slot * (size_t)threads));
    if (!tables) return -1;
    RgbColumns columns = {(int32_t *)tables, tables + job->width};
    for (int k = 0; k < job->width; k++) {
        columns.low[k] = 0;
        columns.weight[k] = 0;
        if (job->chroma_width > 1)
            columns.low[k] =
                NAME(place)(((float)k - job->offset_x) / job->step_x, job->chroma_width, &columns.weight[k]);
    }
    share_rows(NAME(to_rgb_rows), job, &columns, tables + 2 * (size_t)job->width, slot, job->out_height, 8, threads);
    free(tables);
    return 0;
}

INLINE void NAME(encode_rows_of)(const Encode *job, int from, int to, const int count, const int channels, const int type) {
    const size_t cell = 4 * (size_t)count, size = type == TYPE_F32 ? sizeof(float) : sizeof(uint16_t);
    for (int y = from; y < to; y++) {
        const float *rgb = job->picture + (size_t)y * (size_t)job->width * 3;
        float *out = job->out + (size_t)y * (size_t)job->width * (size_t)channels;
        const size_t row = (size_t)(y >> 1) * (size_t)(job->width / 2) * cell + (size_t)(y & 1) * 2 * (size_t)count;
        const char *features = count ? (const char *)job->features + row * size : NULL;
        for (int x = 0; x < job->width; x++, out += channels, rgb += 3) {
            const char *here = features + ((size_t)(x >> 1) * cell + (size_t)(x & 1) * (size_t)count) * size;
            for (int c = 0; c < 3; c++) out[c] = rgb[c];
            for (int c = 0; c < count; c++) {
                if (type == TYPE_F32) {
                    out[3 + c] = ((const float *)(const void *)here)[c];
                } else {
                    const uint32_t bits = (uint32_t)((const uint16_t *)(const void *)here)[c] << 16;
                    memcpy(out + 3 + c, &bits, sizeof bits);
                }
            }
            for (int c = 3 + count; c < channels; c++) out[c] = 0;
        }
    }
}

static void NAME(encode_rows)(const void *data, void *kept, float *scratch, int from, int to) {
    const Encode *job = data;
    (void)kept;
    (void)scratch;
#define LOOK_CASE(COUNT, CHANNELS, TYPE) \
    if (job->count == COUNT && job->channels == CHANNELS && job->type == TYPE) \
        NAME(encode_rows_of)(job, from, to, COUNT, CHANNELS, TYPE);
    LOOK_CASE(0, 4, TYPE_F32)
    LOOK_CASE(4, 8, TYPE_F32)
    LOOK_CASE(4, 8, TYPE_BF16)
    LOOK_CASE(8, 12, TYPE_F32)
    LOOK_CASE(8, 12, TYPE_BF16)
    LOOK_CASE(16, 20, TYPE_F32)
    LOOK_CASE(16, 20, TYPE_BF16)
#undef LOOK_CASE
}

static int NAME(encode)(const Encode *job, int threads) {
    share_rows(NAME(encode_rows), job, NULL, NULL, 0, job->height, 8, threads);
    return 0;
}

#define QUOTED(x) #x
#define TEXT(x) QUOTED(x)
static const Variant NAME(variant) = {
    TEXT(NAME()), NAME(block_input), NAME(warp_and_blend), NAME(to_rgb), NAME(encode),
    NAME(mean_luma), NAME(cell_flow), NAME(correction), NAME(winograd), NAME(strided),
};
#undef TEXT
#undef QUOTED
#undef INLINE
