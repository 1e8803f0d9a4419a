/*
 * The filter's primitives for CPUs. Callers fill these structures, which vsrife/motion/library.py mirrors.
 *
 * Pictures and maps are channels-last. A function returns 0, or -1 where there is no memory for its scratch space.
 */
#ifndef VSRIFE_KERNELS_H
#define VSRIFE_KERNELS_H

#include <stdint.h>

#define KERNELS_VERSION 6
#define MAX_MAPS 8

enum { TYPE_F32 = 0, TYPE_BF16 = 1, TYPE_U8 = 2, TYPE_U16 = 3 };

/* One block's output. Channels: flow Ft->0 x, y, Ft->1 x, y in map pixels, mask logit, hidden channels, zeros. */
typedef struct {
    const void *data;
    int32_t type;     /* F32 or BF16 */
    int32_t height;   /* map rows */
    int32_t width;    /* map columns */
    int32_t channels; /* stored a pixel: 8 or 16 */
    int32_t shuffled; /* stored as (height/2, width/2, 2, 2, channels): before the pixel shuffle */
    float scale;      /* picture pixels to a map pixel */
} Map;

typedef struct {
    int32_t count;
    int32_t accumulates_mask; /* the mask is the sum of all maps', else the last one's */
    Map map[MAX_MAPS];
} Maps;

/* A block's input at 1/scale of the picture: encoded pictures 0 and 1, then `map_channels`: flow / scale, mask logit,
 * hidden channels, time. */
typedef struct {
    const float *encoded0, *encoded1; /* height x width x encoded_channels */
    Maps maps;                  /* none: the pictures are taken unwarped */
    int32_t height, width;
    int32_t encoded_channels; /* 4, 8, 12 or 20 */
    int32_t map_channels;         /* 8 or 16, as the maps' channels; the time is the sixth of the last 8 */
    float time;
    const float *times; /* height x width, or NULL for `time` everywhere */
    float scale;
    int32_t full_height; /* rows of the whole input */
    int32_t first_row;   /* the first of `out_height` rows to make; those outside the input are 0 */
    int32_t out_height, out_width;
    int32_t type; /* of `out`: F32 or BF16 */
    void *out;    /* out_height x out_width x (2 encoded_channels + map_channels) */
    const float *weights; /* not for callers */
} BlockInput;

typedef struct {
    const void *first, *last; /* height x width, rows without gaps; two bytes more may be read */
    void *out;
    int64_t stride; /* of `out`, in bytes */
} WarpedPlane;

/* Planes that share a sample grid, backward-warped along the motion and blended: bilinearly, or with a correction of the
 * motion by a sharp kernel. */
typedef struct {
    Maps maps;
    Map correction;          /* of 8 channels in F32, see `Correction`; no data: none */
    float overshoot;         /* of the sharp kernel */
    int32_t height, width;   /* of the planes, each at least 2 */
    float step_y, step_x;    /* sample (x, y) lies at (x step_x + offset_x, y step_y + offset_y) on the picture */
    float offset_y, offset_x;
    int32_t type; /* of the planes, in and out: F32, U8 or U16 */
    float peak;   /* of integers */
    int32_t planes;
    WarpedPlane plane[4];
} WarpAndBlend;

/* Luma of every place where a cell can lie: means of 2 x 2 pixels. */
typedef struct {
    const float *rgb; /* at least `height` rows of stride x 3 */
    int32_t height, width, stride;
    float weights[3];
    float *out; /* height x width */
} MeanLuma;

/* A motion's flow on a grid. */
typedef struct {
    Maps maps;
    int32_t height, width;
    float step_y, step_x, offset_y, offset_x;
    int32_t has_mask;
    float *out; /* 4 or 5 x height x width: Ft->0 x, y, Ft->1 x, y in picture pixels, mask logit */
} CellFlow;

/* The correction of a motion, at cells; vsrife/motion/evidence.py defines it and says what the settings are. */
typedef struct {
    int32_t height, width;       /* in cells */
    const float *luma0, *luma1;  /* 2 height x 2 width: means of 2 x 2 pixels, of every place */
    const float *own;            /* 4 x height x width */
    const float *straight;       /* 2 x height x width */
    const float *times;          /* height x width, or NULL for `time` everywhere */
    float time;
    float far_from_middle, small, medium, far, regulariser, largest_step, noise, contrast;
    int32_t steps;
    float *out; /* height x width x 8 */
} Correction;

/* A frame's planes to RGB in 0..1, the last row and column repeated up to the aligned size. */
typedef struct {
    const void *plane[3];
    int32_t planes; /* 1 or 3 */
    int32_t type;   /* F32, U8 or U16 */
    int32_t height, width;
    int32_t chroma_height, chroma_width;
    float step_y, step_x, offset_y, offset_x; /* of chroma, in luma pixels */
    float matrix[3][4];                       /* planes to R, G, B; the last column is added */
    int32_t out_height, out_width;
    float *out; /* out_height x out_width x 3 */
} ToRgb;

/* An RGB picture and its head features, channels beside each other. */
typedef struct {
    const float *picture;  /* height x width x 3 */
    const void *features; /* height/2 x width/2 x (2, 2, count), or NULL */
    int32_t type;         /* of the features: F32 or BF16 */
    int32_t height, width;
    int32_t count;    /* 0, 4, 8 or 16 */
    int32_t channels; /* of `out`: 4, 8, 12 or 20 */
    float *out;       /* height x width x channels */
} Encode;

/* A 3x3 convolution of stride 1 with a border of zeros, and its leaky ReLU. */
typedef struct {
    const void *in; /* count x height x width x inputs */
    int32_t type;   /* of the input and the output: F32 or BF16 */
    int32_t count, height, width;
    int32_t inputs, outputs; /* at least 16 each */
    int32_t split;           /* 1, or 2: the first half of the outputs makes the upper one of two rows for each row */
    const float *weights;    /* panels of 16 outputs x 36 points x inputs x 16; the last panel ends with the outputs */
    const uint64_t *used;    /* for each panel, the points whose weights are not all 0 */
    const float *bias;
    float slope; /* of the leaky ReLU; 1 without */
    void *out;   /* count x height x split x width x (outputs / split) */
} Winograd;

/* A 3x3 convolution of stride 2 with a border of zeros, and its leaky ReLU; a pixel is summed in one order. */
typedef struct {
    const float *in; /* count x height x width x inputs; an even width */
    int64_t step;    /* floats from one picture to the next */
    int32_t count, height, width;
    int32_t above;           /* rows of zeros above, 0 or 1; below as many as are needed */
    int32_t inputs, outputs; /* outputs at least 16 */
    const float *weights;    /* panels of 16 outputs x 3 x 3 x inputs x 16; the last panel ends with the outputs */
    const float *bias;
    float slope; /* of the leaky ReLU; 1 without */
    int32_t out_height;
    int64_t out_step; /* floats from one output to the next */
    float *out;       /* count x out_height x width / 2 x outputs */
} Strided;

#endif
