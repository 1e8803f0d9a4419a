/* 3x3 convolutions of stride 2, each sum in registers from the first product to the last. Included by convolutions_variant.h;
 * vsrife/engine/strided.py lays out the weights. */

#ifdef BASE
#define PIECE (192 << 10) /* bytes of input that a core reads at a time, once for each panel */
#endif

typedef struct {
    int rows, panels; /* rows of outputs in a piece; panels of outputs */
} NAME(Pieces);

/* GROUP pixels of a row: `count` rows of 3 pixels each, `down` floats apart, and the weights for them. */
INLINE void NAME(sum_group)(
    const float *in, size_t down, int count, int inputs, const float *weights, const float *bias, float slope, float *out,
    size_t across, int pixels) {
    V sum[GROUP][PANEL / LANES];
    UNROLLED for (int t = 0; t < GROUP; t++)
        UNROLLED for (int n = 0; n < PANEL / LANES; n++) sum[t][n] = LOAD(bias + n * LANES);
    const size_t step = 2 * (size_t)inputs;
    for (int row = 0; row < count; row++, in += down)
        for (int k = 0; k < 3 * inputs; k++, weights += PANEL)
            UNROLLED for (int t = 0; t < GROUP; t++)
                UNROLLED for (int n = 0; n < PANEL / LANES; n++)
                    sum[t][n] += LOAD(weights + n * LANES) * in[(size_t)t * step + (size_t)k];
    UNROLLED for (int t = 0; t < GROUP; t++)
        UNROLLED for (int n = 0; n < PANEL / LANES; n++)
            if (t < pixels) {
                const V v = sum[t][n];
                const I positive = v > 0;
                const V active = (V)(((I)v & positive) | ((I)(v * slope) & ~positive));
                memcpy(out + (size_t)t * across + n * LANES, &active, sizeof active);
            }
}

/* The pieces `from` to `to`; those of a picture's rows have their panels one after another. */
static void NAME(strided_pieces)(const void *data, void *kept, float *patch, int from, int to) {
    const Strided *job = data;
    const NAME(Pieces) *pieces = kept;
    const int width = job->width, inputs = job->inputs, outputs = job->outputs, out_width = (width + 1) / 2;
    const int down_pieces = (job->out_height + pieces->rows - 1) / pieces->rows, reach = 2 * GROUP + 1;
    const size_t across = (size_t)inputs, down = (size_t)width * across, out_across = (size_t)outputs;
    for (int piece = from; piece < to; piece++) {
        const int panel = piece % pieces->panels, part = piece / pieces->panels % down_pieces;
        const int n = piece / pieces->panels / down_pieces, end = (part + 1) * pieces->rows;
        const int start = panel * PANEL < outputs - PANEL ? panel * PANEL : outputs - PANEL;
        const float *weights = job->weights + (size_t)panel * 9 * across * PANEL;
        for (int y = part * pieces->rows; y < (end < job->out_height ? end : job->out_height); y++) {
            const int top = 2 * y - job->above, first = top < 0 ? -top : 0;
            const int last = job->height - top < 3 ? job->height - top : 3;
            const float *in = job->in + n * job->step + (int64_t)(top + first) * (int64_t)down;
            const float *taps = weights + (size_t)first * 3 * across * PANEL;
            float *out = job->out + n * job->out_step + ((size_t)y * (size_t)out_width) * out_across + (size_t)start;
            for (int x = 0; x < out_width; x += GROUP) {
                const int left = 2 * x - 1, pixels = out_width - x < GROUP ? out_width - x : GROUP;
                float *to_pixels = out + (size_t)x * out_across;
                if (left >= 0 && left + reach <= width) {
                    NAME(sum_group)(
                        in + (size_t)left * across, down, last - first, inputs, taps, job->bias + start, job->slope,
                        to_pixels, out_across, pixels);
                    continue;
                }
                const int begin = left < 0 ? 1 : 0, stop = width - left < reach ? width - left : reach;
                memset(patch, 0, sizeof(float) * 3 * (size_t)reach * across);
                for (int row = 0; row < last - first; row++)
                    memcpy(
                        patch + (size_t)(row * reach + begin) * across,
                        in + (size_t)row * down + (size_t)(left + begin) * across,
                        sizeof(float) * (size_t)(stop - begin) * across);
                NAME(sum_group)(
                    patch, (size_t)reach * across, last - first, inputs, taps, job->bias + start, job->slope, to_pixels,
                    out_across, pixels);
            }
        }
    }
}

static int NAME(strided)(const Strided *job, int threads) {
    const int row = 2 * job->width * job->inputs * (int)sizeof(float), most = PIECE / row > 1 ? PIECE / row : 1;
    NAME(Pieces) pieces = {most < job->out_height ? most : job->out_height, (job->outputs + PANEL - 1) / PANEL};
    const int count = job->count * pieces.panels * ((job->out_height + pieces.rows - 1) / pieces.rows);
    const size_t slot = 3 * (2 * GROUP + 1) * (size_t)job->inputs + PANEL;
    const int chunk = job->outputs % PANEL ? pieces.panels : 1; /* the last two panels write some outputs both */
    float *scratch = malloc(sizeof(float) * slot * (size_t)threads);
    if (!scratch) return -1;
    share_rows(NAME(strided_pieces), job, &pieces, scratch, slot, count, chunk, threads);
    free(scratch);
    return 0;
}
