/*
 * Runs the kernels from several threads at once, each on several threads of its own, and compares every byte with what
 * one thread makes: for ThreadSanitizer, which sees these threads as it would not see those of an OpenMP runtime.
 * `race ROUNDS`; prints a line and ends with 1 where a byte differs. Built by scripts/sanitize.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"
#include "threads.h"

const char *vsrife_variant(const char *name);
void vsrife_threads(void *gomp, void *fork, void *push, void *thread);
int vsrife_block_input(const BlockInput *job, int threads);
int vsrife_warp_and_blend(const WarpAndBlend *job, int threads);
int vsrife_to_rgb(const ToRgb *job, int threads);
int vsrife_encode(const Encode *job, int threads);
int vsrife_winograd(const Winograd *job, int threads);
int vsrife_strided(const Strided *job, int threads);

enum { CALLERS = 4, INNER = 3, MAP_CHANNELS = 8, ENCODED = 12, CHANNELS = 16, STRIDED = 24, SLACK = 64 };
/* STRIDED outputs are two panels of 16 that share 8; Winograd's kernel makes as many */

static float *randoms(size_t count, float low, float high, unsigned *seed) {
    float *values = malloc(sizeof(float) * (count + SLACK));
    if (!values) abort();
    for (size_t k = 0; k < count + SLACK; k++) values[k] = low + (high - low) * (float)rand_r(seed) / (float)RAND_MAX;
    return values;
}

/* What all callers read, and the sizes of one round. */
typedef struct {
    int height, width, count;
    float *encoded0, *encoded1, *map[2], *plane[3], *features, *weights;
    uint16_t *bf16;
    unsigned char *bytes[2];
} Shared;

typedef struct {
    float *input, *rgb, *encoded, *convolved, *strided;
    uint16_t *convolved_bf16;
    unsigned char *warped;
    size_t input_size, rgb_size, encoded_size, convolved_size, convolved_bf16_size, strided_size, warped_size;
} Made;

static Maps maps_of(const Shared *s) {
    Maps maps = {.count = 2, .accumulates_mask = s->count & 1};
    for (int k = 0; k < 2; k++) {
        const int scale = k ? 2 : 4;
        maps.map[k] = (Map){s->map[k], TYPE_F32, s->height / scale, s->width / scale, MAP_CHANNELS, s->count >> 1 & 1, (float)scale};
    }
    return maps;
}

static Made make_all(const Shared *s, int threads) {
    const size_t pixels = (size_t)s->height * (size_t)s->width;
    Made made = {
        .input_size = sizeof(float) * pixels * (2 * ENCODED + MAP_CHANNELS), .rgb_size = sizeof(float) * pixels * 3,
        .encoded_size = sizeof(float) * pixels * ENCODED,
        .convolved_size = sizeof(float) * pixels / 2 * STRIDED, .convolved_bf16_size = sizeof(uint16_t) * pixels / 2 * STRIDED,
        .strided_size = sizeof(float) * pixels / 8 * STRIDED,
        .warped_size = pixels};
    made.input = calloc(1, made.input_size + SLACK);
    made.rgb = calloc(1, made.rgb_size + SLACK);
    made.encoded = calloc(1, made.encoded_size + SLACK);
    made.convolved = calloc(1, made.convolved_size + SLACK);
    made.convolved_bf16 = calloc(1, made.convolved_bf16_size + SLACK);
    made.strided = calloc(1, made.strided_size + SLACK);
    made.warped = calloc(1, made.warped_size + SLACK);
    if (!made.input || !made.rgb || !made.encoded || !made.convolved || !made.convolved_bf16 || !made.strided || !made.warped)
        abort();
    const BlockInput input = {
        .encoded0 = s->encoded0, .encoded1 = s->encoded1, .maps = maps_of(s), .height = s->height, .width = s->width,
        .encoded_channels = ENCODED, .map_channels = MAP_CHANNELS, .time = 0.3f, .scale = 1, .full_height = s->height,
        .out_height = s->height, .out_width = s->width, .type = TYPE_F32, .out = made.input};
    WarpAndBlend warped = {
        .maps = maps_of(s), .height = s->height, .width = s->width, .step_y = 1, .step_x = 1, .type = TYPE_U8, .peak = 255,
        .planes = 1};
    warped.plane[0] = (WarpedPlane){s->bytes[0], s->bytes[1], made.warped, s->width};
    const ToRgb rgb = {
        .plane = {s->plane[0], s->plane[1], s->plane[2]}, .planes = 3, .type = TYPE_F32, .height = s->height,
        .width = s->width, .chroma_height = s->height, .chroma_width = s->width, .step_y = 1, .step_x = 1,
        .matrix = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}, .out_height = s->height, .out_width = s->width,
        .out = made.rgb};
    const Encode encoded = {
        .picture = s->encoded0, .features = s->features, .type = TYPE_F32, .height = s->height, .width = s->width,
        .count = 8, .channels = ENCODED, .out = made.encoded};
    const uint64_t used[2] = {~(uint64_t)0, ~(uint64_t)0 - 4};
    const Winograd convolved = {
        .in = s->encoded0, .type = TYPE_F32, .count = 1, .height = s->height / 2, .width = s->width, .inputs = CHANNELS,
        .outputs = STRIDED, .split = 1, .weights = s->weights, .used = used, .bias = s->weights, .slope = 0.2f,
        .out = made.convolved};
    Winograd convolved_bf16 = convolved;
    convolved_bf16.in = s->bf16, convolved_bf16.type = TYPE_BF16, convolved_bf16.out = made.convolved_bf16;
    const Strided strided = {
        .in = s->encoded0, .count = 1, .height = s->height / 2, .width = s->width, .above = 1, .inputs = CHANNELS,
        .outputs = STRIDED, .weights = s->weights, .bias = s->weights, .slope = 0.2f, .out_height = s->height / 4,
        .out = made.strided};
    if (vsrife_block_input(&input, threads) || vsrife_warp_and_blend(&warped, threads) || vsrife_to_rgb(&rgb, threads) ||
        vsrife_encode(&encoded, threads) || vsrife_winograd(&convolved, threads) ||
        vsrife_winograd(&convolved_bf16, threads) || vsrife_strided(&strided, threads))
        abort();
    return made;
}

static int differ(const Made *a, const Made *b) {
    return memcmp(a->input, b->input, a->input_size) || memcmp(a->rgb, b->rgb, a->rgb_size) ||
           memcmp(a->encoded, b->encoded, a->encoded_size) || memcmp(a->warped, b->warped, a->warped_size) ||
           memcmp(a->convolved, b->convolved, a->convolved_size) ||
           memcmp(a->convolved_bf16, b->convolved_bf16, a->convolved_bf16_size) || memcmp(a->strided, b->strided, a->strided_size);
}

static void drop(Made *made) {
    free(made->input);
    free(made->rgb);
    free(made->encoded);
    free(made->convolved);
    free(made->convolved_bf16);
    free(made->strided);
    free(made->warped);
}

static const Shared *shared;
static const Made *expected;

static void *call(void *number) {
    int *wrong = number;
    Made made = make_all(shared, INNER);
    *wrong = differ(&made, expected);
    drop(&made);
    return NULL;
}

int main(int count, char **words) {
    const int rounds = count > 1 ? atoi(words[1]) : 10;
    unsigned seed = 5;
    int wrong = 0, calls = 0, tried = 0;
    vsrife_threads((void *)parallel, NULL, NULL, NULL);
    const char *variants[] = {"_base", "_avx2", "_avx512"};
    for (unsigned v = 0; v < sizeof variants / sizeof *variants; v++) {
        if (!vsrife_variant(variants[v])) continue;
        tried++;
        for (int round = 0; round < rounds; round++) {
            Shared s = {.height = 16 + 8 * (int)(rand_r(&seed) % 8), .width = 16 + 8 * (int)(rand_r(&seed) % 12), .count = round};
            const size_t pixels = (size_t)s.height * (size_t)s.width;
            s.encoded0 = randoms(pixels * ENCODED, 0, 1, &seed);
            s.encoded1 = randoms(pixels * ENCODED, 0, 1, &seed);
            s.bf16 = malloc(sizeof(uint16_t) * pixels * CHANNELS);
            if (!s.bf16) abort();
            for (size_t k = 0; k < pixels * CHANNELS; k++) s.bf16[k] = (uint16_t)(0x3e00 + rand_r(&seed) % 0x180);
            s.weights = randoms(36 * 2 * CHANNELS * CHANNELS, -1, 1, &seed);
            s.features = randoms(pixels / 4 * 32, -1, 1, &seed);
            for (int k = 0; k < 2; k++) s.map[k] = randoms(pixels * MAP_CHANNELS / (k ? 4 : 16), -9, 9, &seed);
            for (int k = 0; k < 3; k++) s.plane[k] = randoms(pixels, 0, 1, &seed);
            for (int k = 0; k < 2; k++) {
                s.bytes[k] = malloc(pixels + SLACK);
                if (!s.bytes[k]) abort();
                for (size_t b = 0; b < pixels + SLACK; b++) s.bytes[k][b] = (unsigned char)rand_r(&seed);
            }
            Made once = make_all(&s, 1);
            shared = &s;
            expected = &once;
            pthread_t callers[CALLERS];
            int found[CALLERS] = {0};
            for (int k = 0; k < CALLERS; k++)
                if (pthread_create(&callers[k], NULL, call, &found[k])) abort();
            for (int k = 0; k < CALLERS; k++) {
                pthread_join(callers[k], NULL);
                wrong += found[k];
                calls++;
            }
            drop(&once);
            free(s.encoded0), free(s.encoded1), free(s.bf16), free(s.weights), free(s.features);
            for (int k = 0; k < 2; k++) free(s.map[k]), free(s.bytes[k]);
            for (int k = 0; k < 3; k++) free(s.plane[k]);
        }
    }
    printf("%d calls of all kernels from %d threads at once in %d variants, %d differ", calls, CALLERS, tried, wrong);
    return wrong > 0;
}
