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

/* Six samples, `from` floats apart, to the values at the six points. */
INLINE void NAME(to_points)(const float *in, size_t from, float *out, size_t to) {
    const float a = INNER, b = OUTER, aa = a * a, bb = b * b;
    const V d0 = LOAD(in), d1 = LOAD(in + from), d2 = LOAD(in + 2 * from), d3 = LOAD(in + 3 * from);
    const V d4 = LOAD(in + 4 * from), d5 = LOAD(in + 5 * from);
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

/* 6x6 pixels, a row `down` floats below the other, to `step` floats between the points. */
static void NAME(transform_tile)(const float *in, size_t down, int channels, float *out, size_t step) {
    float half[POINTS * LANES] __attribute__((aligned(64)));
    for (int next = 0; next < channels; next += LANES) {
        const int c = next < channels - LANES ? next : channels - LANES;
        for (int x = 0; x < 6; x++) NAME(to_points)(in + x * channels + c, down, half + x * LANES, 6 * LANES);
        for (int y = 0; y < 6; y++) NAME(to_points)(half + 6 * y * LANES, LANES, out + (size_t)(6 * y) * step + c, step);
    }
}

/* The sums over all inputs for GROUP tiles and a panel of outputs, at one point. */
INLINE void NAME(multiply)(const float *tiles, int inputs, const float *weights, float *out) {
    V sum[GROUP][PANEL / LANES];
    UNROLLED for (int t = 0; t < GROUP; t++)
        UNROLLED for (int n = 0; n < PANEL / LANES; n++) sum[t][n] = (V){0};
    for (int k = 0; k < inputs; k++, weights += PANEL)
        UNROLLED for (int t = 0; t < GROUP; t++)
            UNROLLED for (int n = 0; n < PANEL / LANES; n++)
                sum[t][n] += LOAD(weights + n * LANES) * tiles[(size_t)t * (size_t)inputs + (size_t)k];
    UNROLLED for (int t = 0; t < GROUP; t++)
        UNROLLED for (int n = 0; n < PANEL / LANES; n++) NAME(put)(out + t * PANEL + n * LANES, sum[t][n]);
}

INLINE void NAME(activate)(V v, float slope, float *out) {
    const I positive = v > 0;
    NAME(put)(out, (V)(((I)v & positive) | ((I)(v * slope) & ~positive)));
}

/* One vector of a tile's outputs: `rows` x `columns` of 4x4. */
INLINE void NAME(finish_tile)(
    const float *products, size_t step, const float *biases, float slope, float *to, size_t down, size_t across, int rows,
    int columns) {
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
    for (int row = 0; row < rows; row++, to += down) {
        NAME(from_points)(half + 6 * row * LANES, LANES, out);
        NAME(activate)(out[0] + bias, slope, to);
        if (columns > 1) NAME(activate)(out[1] + bias, slope, to + across);
        if (columns > 2) NAME(activate)(out[2] + bias, slope, to + 2 * across);
        if (columns > 3) NAME(activate)(out[3] + bias, slope, to + 3 * across);
    }
}

typedef struct {
    int down, across, limit; /* rows and columns of tiles; the most tiles of a piece */
} NAME(Tiles);

/* A piece: the tiles `from` to `to`, at most the limit. */
static void NAME(winograd_tiles)(const void *data, void *kept, float *scratch, int from, int to) {
    const Winograd *job = data;
    const NAME(Tiles) *tiles = kept;
    const int height = job->height, width = job->width, inputs = job->inputs, outputs = job->outputs, split = job->split;
    const int count = (to - from + GROUP - 1) / GROUP * GROUP;
    const size_t step = (size_t)tiles->limit * (size_t)inputs + GAP, out_step = (size_t)tiles->limit * PANEL + GAP;
    const size_t across = (size_t)inputs, down = (size_t)width * across, out_across = (size_t)(outputs / split);
    float *transformed = scratch, *products = transformed + POINTS * step, *patch = products + POINTS * out_step;
    for (int t = 0; t < count; t++) { /* a group is filled with its last tile */
        const int tile = from + t < to ? from + t : to - 1, n = tile / (tiles->down * tiles->across);
        const int top = tile / tiles->across % tiles->down * 4 - 1, left = tile % tiles->across * 4 - 1;
        const float *picture = job->in + (size_t)n * (size_t)height * down;
        float *out = transformed + (size_t)t * across;
        if (top >= 0 && left >= 0 && top + 6 <= height && left + 6 <= width) {
            NAME(transform_tile)(picture + (size_t)top * down + (size_t)left * across, down, inputs, out, step);
            continue;
        }
        const int first = left < 0 ? 1 : 0, last = width - left < 6 ? width - left : 6;
        memset(patch, 0, sizeof(float) * POINTS * across);
        for (int y = 0; y < 6; y++)
            if (top + y >= 0 && top + y < height)
                memcpy(
                    patch + (size_t)(6 * y + first) * across,
                    picture + (size_t)(top + y) * down + (size_t)(left + first) * across,
                    sizeof(float) * (size_t)(last - first) * across);
        NAME(transform_tile)(patch, 6 * across, inputs, out, step);
    }
    const float *weights = job->weights;
    for (int p = 0; p * PANEL < outputs; p++) {
        const int start = p * PANEL < outputs - PANEL ? p * PANEL : outputs - PANEL;
        for (int k = 0; k < POINTS; k++, weights += inputs * PANEL) {
            float *out = products + (size_t)k * out_step;
            if (job->used[p] >> k & 1)
                for (int t = 0; t < count; t += GROUP)
                    NAME(multiply)(transformed + (size_t)k * step + (size_t)t * across, inputs, weights, out + t * PANEL);
            else
                memset(out, 0, sizeof(float) * (size_t)count * PANEL);
        }
        for (int t = 0; t < to - from; t++) {
            const int tile = from + t, n = tile / (tiles->down * tiles->across);
            const int top = tile / tiles->across % tiles->down * 4, left = tile % tiles->across * 4;
            const int rows = height - top < 4 ? height - top : 4, columns = width - left < 4 ? width - left : 4;
            for (int k = 0; k < PANEL; k += LANES) {
                const int c = start + k, part = c / (int)out_across;
                const size_t row = ((size_t)n * (size_t)height + (size_t)top) * (size_t)split + (size_t)part;
                float *out = job->out + (row * (size_t)width + (size_t)left) * out_across + (size_t)c % out_across;
                NAME(finish_tile)(
                    products + (size_t)t * PANEL + k, out_step, job->bias + c, job->slope, out,
                    (size_t)split * (size_t)width * out_across, out_across, rows, columns);
            }
        }
    }
}

static int NAME(winograd)(const Winograd *job, int threads) {
    NAME(Tiles) tiles = {(job->height + 3) / 4, (job->width + 3) / 4, 0};
    const int count = job->count * tiles.down * tiles.across, share = (count + threads - 1) / threads;
    const int most = CACHED / (int)sizeof(float) / POINTS / job->inputs + 1;
    tiles.limit = ((most < share ? most : share) + GROUP - 1) / GROUP * GROUP;
    const size_t slot = POINTS * ((size_t)tiles.limit * (size_t)(job->inputs + PANEL) + 2 * GAP + (size_t)job->inputs);
    float *scratch = malloc(sizeof(float) * (slot * (size_t)threads + 2 * PANEL));
    if (!scratch) return -1;
    float *aligned = (float *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
    share_rows(NAME(winograd_tiles), job, &tiles, aligned, slot, count, tiles.limit, threads);
    free(scratch);
    return 0;
}
