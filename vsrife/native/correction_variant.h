/* A motion's flow at cells, and its correction by what the two pictures say; compiled as kernels_variant.h is. */

static void NAME(luma_rows)(const void *data, void *kept, float *scratch, int from, int to) {
    const MeanLuma *job = data;
    const int width = job->width, height = job->height;
    const float r = job->weights[0] * 0.25f, g = job->weights[1] * 0.25f, b = job->weights[2] * 0.25f;
    float *sums = scratch;
    (void)kept;
    for (int y = from; y < to; y++) {
        const float *p = job->rgb + 3 * (size_t)y * (size_t)job->stride;
        const float *q = job->rgb + 3 * (size_t)(y + 1 < height ? y + 1 : y) * (size_t)job->stride;
        float *out = job->out + (size_t)y * (size_t)width;
        APART
        for (int k = 0; k < width; k++)
            sums[k] = (p[3 * k] + q[3 * k]) * r + (p[3 * k + 1] + q[3 * k + 1]) * g + (p[3 * k + 2] + q[3 * k + 2]) * b;
        sums[width] = sums[width - 1];
        APART
        for (int k = 0; k < width; k++) out[k] = sums[k] + sums[k + 1];
    }
}

static int NAME(mean_luma)(const MeanLuma *job, int threads) {
    const size_t slot = (size_t)job->width + SLACK;
    float *scratch = malloc(sizeof(float) * slot * (size_t)threads);
    if (!scratch) return -1;
    share_rows(NAME(luma_rows), job, NULL, scratch, slot, job->height, 8, threads);
    free(scratch);
    return 0;
}

/* 0 for what is not finite. */
INLINE float NAME(finite)(float x) { return x - x == 0 ? x : 0; }

INLINE void NAME(flow_rows_of)(
    const CellFlow *job, const Shared *shared, float *scratch, int from, int to, const int stored) {
    const size_t width = (size_t)job->width, plane = width * (size_t)job->height;
    Row row;
    NAME(row_of)(shared, &job->maps, stored, scratch, &row);
    for (int y = from; y < to; y++) {
        NAME(find_flow)(&job->maps, shared, &row, (float)y * job->step_y + job->offset_y, stored);
        float *out = job->out + (size_t)y * width;
        const float *flow = row.flow;
        APART
        for (size_t k = 0; k < width; k++) {
            out[k] = NAME(finite)(flow[4 * k]);
            out[plane + k] = NAME(finite)(flow[4 * k + 1]);
            out[2 * plane + k] = NAME(finite)(flow[4 * k + 2]);
            out[3 * plane + k] = NAME(finite)(flow[4 * k + 3]);
        }
        if (stored == 8)
            for (size_t k = 0; k < width; k++) out[4 * plane + k] = NAME(finite)(row.last_map[8 * k + 4]);
    }
}

static void NAME(flow_rows)(const void *data, void *kept, float *scratch, int from, int to) {
    const CellFlow *job = data;
    if (job->has_mask)
        NAME(flow_rows_of)(job, kept, scratch, from, to, 8);
    else
        NAME(flow_rows_of)(job, kept, scratch, from, to, 4);
}

static int NAME(cell_flow)(const CellFlow *given, int threads) {
    CellFlow job = *given;
    if (!job.has_mask) job.maps.accumulates_mask = 0; /* nobody reads it */
    Shared shared = {0};
    float *at = malloc(sizeof(float) * 2 * (size_t)job.width), *on = at + job.width;
    if (!at) return -1;
    for (int k = 0; k < job.width; k++) {
        at[k] = (float)k;
        on[k] = (float)k * job.step_x + job.offset_x;
    }
    const int stored = job.has_mask ? 8 : 4;
    const int failed = NAME(make_shared)(&shared, &job.maps, job.width, at, on, stored, 1, 0, threads);
    if (!failed) {
        share_rows(NAME(flow_rows), &job, &shared, shared.scratch, shared.slot, job.height, 4, threads);
        NAME(free_shared)(&shared);
    }
    free(at);
    return failed;
}

/* ---------------------------------------------------------------------------------------------------------------- */
/* correction */

INLINE float NAME(between)(float x, float low, float high) { return x < low ? low : x < high ? x : high; }

INLINE int NAME(kept_row)(int y, int height) { return y < 0 ? 0 : y < height ? y : height - 1; }

/* The luma of cells that are moved by (across, down) pixels, for a row of them. */
INLINE void NAME(shift_row)(
    const float *luma, int width, int height, int y, const float *across, const float *down, float *scratch, float *out) {
    int32_t *at = (int32_t *)scratch;
    float *part_x = scratch + width + SLACK, *part_y = part_x + width + SLACK;
    const int columns = 2 * width;
    NAME(land_row)(across, down, width, 2, (float)(2 * y), 1, 1, columns, 2 * height, at, part_x, part_y, NULL);
    const size_t step = (size_t)columns;
    int k = 0;
#ifdef HAS_AVX2
    for (; k + 8 <= width; k += 8) {
        const V8 v = NAME(eight_f32)(luma, step, at + k, part_x + k, part_y + k);
        memcpy(out + k, &v, sizeof v);
    }
#endif
    for (; k < width; k++) {
        const float *p = luma + at[k];
        const float top = p[0] + (p[1] - p[0]) * part_x[k], below = p[step] + (p[step + 1] - p[step]) * part_x[k];
        out[k] = top + (below - top) * part_y[k];
    }
}

/* The times of a row of cells; `room` is for the one time of all of them. */
INLINE const float *NAME(times_of)(const Correction *job, size_t row, float *room) {
    if (job->times) return job->times + row;
    for (int k = 0; k < job->width; k++) room[k] = job->time;
    return room;
}

/* Mean and difference of the two ends along a motion: straight (2 planes) or a flow (4 planes). */
static void NAME(compare_rows)(const void *data, void *kept, float *scratch, int from, int to) {
    const Correction *job = data;
    const Ends *ends = kept;
    const int width = job->width, height = job->height, cells = width + SLACK;
    const size_t plane = (size_t)width * (size_t)height;
    float *across = scratch, *down = across + cells, *first = down + cells, *last = first + cells, *rest = last + cells;
    for (int y = from; y < to; y++) {
        const size_t row = (size_t)y * (size_t)width;
        for (int end = 0; end < 2; end++) {
            const float *flow_x = ends->motion + row, *flow_y = flow_x + plane;
            if (ends->is_flow) {
                memcpy(across, flow_x + 2 * (size_t)end * plane, sizeof(float) * (size_t)width);
                memcpy(down, flow_y + 2 * (size_t)end * plane, sizeof(float) * (size_t)width);
            } else {
                const float *times = NAME(times_of)(job, row, rest);
                APART
                for (int k = 0; k < width; k++) {
                    const float share = (float)end - times[k];
                    down[k] = flow_y[k] * share;
                    across[k] = flow_x[k] * share;
                }
            }
            NAME(shift_row)(end ? job->luma1 : job->luma0, width, height, y, across, down, rest, end ? last : first);
        }
        APART
        for (int k = 0; k < width; k++) {
            ends->error[row + (size_t)k] = last[k] - first[k];
            if (ends->mean) ends->mean[row + (size_t)k] = (first[k] + last[k]) * 0.5f;
        }
    }
}

/* Floats before a row, of which three repeat its first value as three behind it repeat its last. */
#define EDGE 8
INLINE void NAME(repeat_edges)(float *row, int width) {
    for (int k = 1; k <= 3; k++) {
        row[-k] = row[0];
        row[width - 1 + k] = row[width - 1];
    }
}

/* The mean size of the differences around each cell, 5 x 5. */
INLINE void NAME(mean_error)(const float *error, int width, int height, int y, float *sums, float *out) {
    APART
    for (int k = 0; k < width; k++) sums[k] = 0;
    for (int r = -2; r <= 2; r++) {
        const float *p = error + (size_t)NAME(kept_row)(y + r, height) * (size_t)width;
        APART
        for (int k = 0; k < width; k++) sums[k] += p[k] < 0 ? -p[k] : p[k];
    }
    NAME(repeat_edges)(sums, width);
    APART
    for (int k = 0; k < width; k++)
        out[k] = (sums[k - 2] + sums[k - 1] + sums[k] + sums[k + 1] + sums[k + 2]) * (1.0f / 25);
}

/* The mean gradient around each cell, 7 x 7. */
INLINE void NAME(mean_gradient)(const float *mean, int width, int height, int y, float *sums, float *out) {
    APART
    for (int k = 0; k < width; k++) sums[k] = 0;
    for (int r = -3; r <= 3; r++) {
        const int at = NAME(kept_row)(y + r, height);
        const float *p = mean + (size_t)at * (size_t)width;
        const float *above = mean + (size_t)NAME(kept_row)(at - 1, height) * (size_t)width;
        const float *below = mean + (size_t)NAME(kept_row)(at + 1, height) * (size_t)width;
        APART
        for (int k = 1; k + 1 < width; k++) {
            const float across = p[k + 1] - p[k - 1], down = below[k] - above[k];
            sums[k] += (across < 0 ? -across : across) + (down < 0 ? -down : down);
        }
        for (int k = 0; k < width; k += width - 1) {
            const float across = p[k + 1 < width ? k + 1 : k] - p[k > 0 ? k - 1 : k], down = below[k] - above[k];
            sums[k] += (across < 0 ? -across : across) + (down < 0 ? -down : down);
        }
    }
    NAME(repeat_edges)(sums, width);
    APART
    for (int k = 0; k < width; k++)
        out[k] = (sums[k - 3] + sums[k - 2] + sums[k - 1] + sums[k] + sums[k + 1] + sums[k + 2] + sums[k + 3]) *
                 (1.0f / 196);
}

/* One Lucas-Kanade step. */
static void NAME(step_rows)(const void *data, void *kept, float *scratch, int from, int to) {
    const Correction *job = data;
    const Step *step = kept;
    const int width = job->width, height = job->height, cells = width + SLACK + 2 * EDGE;
    const size_t plane = (size_t)width * (size_t)height;
    static const float share[5] = {1.0f / 9, 2.0f / 9, 3.0f / 9, 2.0f / 9, 1.0f / 9};
    float *sums[5];
    for (int c = 0; c < 5; c++) sums[c] = scratch + (size_t)c * (size_t)cells + EDGE;
    float *extra = scratch + 5 * (size_t)cells + EDGE;
    for (int y = from; y < to; y++) {
        for (int c = 0; c < 5; c++) memset(sums[c], 0, sizeof(float) * (size_t)width);
        for (int r = -2; r <= 2; r++) {
            const int at = NAME(kept_row)(y + r, height);
            const float *m = step->mean + (size_t)at * (size_t)width, *e = step->error + (size_t)at * (size_t)width;
            const float *above = step->mean + (size_t)NAME(kept_row)(at - 1, height) * (size_t)width;
            const float *below = step->mean + (size_t)NAME(kept_row)(at + 1, height) * (size_t)width;
            const float w = share[r + 2];
            APART
            for (int k = 1; k + 1 < width; k++) {
                const float gx = (m[k + 1] - m[k - 1]) * 0.5f, gy = (below[k] - above[k]) * 0.5f;
                sums[0][k] += w * gx * gx;
                sums[1][k] += w * gx * gy;
                sums[2][k] += w * gy * gy;
                sums[3][k] += w * gx * e[k];
                sums[4][k] += w * gy * e[k];
            }
            for (int k = 0; k < width; k += width - 1) {
                const float gx = (m[k + 1 < width ? k + 1 : k] - m[k > 0 ? k - 1 : k]) * 0.5f;
                const float gy = (below[k] - above[k]) * 0.5f;
                sums[0][k] += w * gx * gx;
                sums[1][k] += w * gx * gy;
                sums[2][k] += w * gy * gy;
                sums[3][k] += w * gx * e[k];
                sums[4][k] += w * gy * e[k];
            }
        }
        for (int c = 0; c < 5; c++) NAME(repeat_edges)(sums[c], width);
        const size_t row = (size_t)y * (size_t)width;
        const float *old_x = step->from + row, *old_y = old_x + plane;
        const float *first_x = job->straight + row, *first_y = first_x + plane;
        float *new_x = step->to + row, *new_y = new_x + plane;
        const float limit = job->largest_step, more = job->regulariser, medium = 1 / job->medium;
        APART
        for (int k = 0; k < width; k++) {
            float w[5];
            for (int c = 0; c < 5; c++) {
                const float *p = sums[c] + k;
                w[c] = (p[-2] + p[2] + 2 * (p[-1] + p[1]) + 3 * p[0]) * (1.0f / 9);
            }
            const float xx = w[0] + more, xy = w[1], yy = w[2] + more, xe = w[3], ye = w[4];
            const float inverse = 1 / (xx * yy - xy * xy);
            const float dx = (xy * ye - yy * xe) * inverse, dy = (xy * xe - xx * ye) * inverse;
            const float size = __builtin_sqrtf(first_x[k] * first_x[k] + first_y[k] * first_y[k]);
            const float part = 2 * NAME(between)(2 - size * medium, 0, 1);
            new_x[k] = old_x[k] + NAME(between)(dx, -limit, limit) * part;
            new_y[k] = old_y[k] + NAME(between)(dy, -limit, limit) * part;
        }
        if (step->before) NAME(mean_error)(step->error, width, height, y, extra, step->before + row);
    }
}

/* How well two ends agree: exp(-x x) of their difference over what is tolerated. */
INLINE float NAME(agreement)(float error, float tolerance) {
    const float ratio = error / tolerance;
    return NAME(exponential)(-ratio * ratio);
}

static void NAME(correct_rows)(const void *data, void *kept, float *scratch, int from, int to) {
    const Correction *job = data;
    const Result *result = kept;
    const int width = job->width, height = job->height, cells = width + SLACK + 2 * EDGE;
    const size_t plane = (size_t)width * (size_t)height;
    float *sums = scratch + EDGE, *after = sums + cells, *own = after + cells, *contrast = own + cells;
    float *channel[5];
    for (int c = 0; c < 5; c++) channel[c] = contrast + (size_t)(c + 1) * (size_t)cells;
    for (int y = from; y < to; y++) {
        const size_t row = (size_t)y * (size_t)width;
        NAME(mean_error)(result->error, width, height, y, sums, after);
        NAME(mean_error)(result->own_error, width, height, y, sums, own);
        NAME(mean_gradient)(result->mean, width, height, y, sums, contrast);
        const float *straight = job->straight + row, *refined = result->refined + row, *before = result->before + row;
        const float *times = NAME(times_of)(job, row, sums), small = 1 / job->small;
        const float medium = 1 / job->medium, far = 1 / job->far, far_from_middle = job->far_from_middle;
        const float noise = job->noise, rise = job->contrast;
        const float last_x = (float)(2 * width - 1), last_y = (float)(2 * height - 1);
        float *across = channel[0], *down = channel[1], *shares = channel[2], *likely = channel[3], *sharp = channel[4];
        APART
        for (int k = 0; k < width; k++) {
            const float error = after[k] <= before[k] ? after[k] : before[k];
            const float x = after[k] <= before[k] ? refined[k] : straight[k];
            const float v = after[k] <= before[k] ? refined[(size_t)k + plane] : straight[(size_t)k + plane];
            const float size = __builtin_sqrtf(x * x + v * v), tolerance = noise + rise * contrast[k];
            const float right = error <= own[k] + noise ? 1 : 0, best = error < own[k] ? error : own[k];
            const float away = times[k] < 0.5f ? 0.5f - times[k] : times[k] - 0.5f;
            const float limit = away > far_from_middle ? far : medium;
            const float agrees = NAME(between)(2 - size * limit, 0, 1) * NAME(agreement)(error, tolerance) * right;
            const float certain = NAME(between)(2 - size * small, 0, 1) * right;
            const float share = agrees > certain ? agrees : certain, time = times[k], rest = 1 - time;
            const float x0 = (float)(2 * k) - time * x, x1 = (float)(2 * k) + rest * x;
            const float y0 = (float)(2 * y) - time * v, y1 = (float)(2 * y) + rest * v;
            const float low_x = x0 < x1 ? x0 : x1, high_x = x0 < x1 ? x1 : x0;
            const float low_y = y0 < y1 ? y0 : y1, high_y = y0 < y1 ? y1 : y0;
            const int is_inside = (low_x >= 0) & (high_x <= last_x) & (low_y >= 0) & (high_y <= last_y);
            const float by_time = is_inside ? agrees : 0;
            across[k] = x * share;
            down[k] = v * share;
            shares[k] = share;
            likely[k] = by_time;
            sharp[k] = NAME(agreement)(best, tolerance);
        }
        float *out = job->out + 8 * row;
        for (int k = 0; k < width; k++, out += 8) {
            const float time = times[k], rest = 1 - time;
            const V8 cell = {-time * across[k], -time * down[k], rest * across[k], rest * down[k],
                             1 - shares[k], rest * likely[k], 1 - likely[k], sharp[k]};
            memcpy(out, &cell, sizeof cell);
        }
    }
}

static int NAME(correction)(const Correction *job, int threads) {
    const int height = job->height, width = job->width;
    const size_t plane = (size_t)width * (size_t)height, slot = 10 * ((size_t)width + SLACK + 2 * EDGE) + 64;
    /* refined motion, mean, difference, the network's own difference, mean difference before */
    float *memory = malloc(sizeof(float) * (6 * plane + 6 * SLACK + slot * (size_t)threads));
    if (!memory) return -1;
    float *refined = memory, *mean = refined + 2 * plane + SLACK, *error = mean + plane + SLACK;
    float *own_error = error + plane + SLACK, *before = own_error + plane + SLACK, *scratch = before + plane + SLACK;
    const float *motion = job->straight;
    for (int n = 0; n < job->steps; n++) {
        Ends ends = {motion, 0, mean, error};
        share_rows(NAME(compare_rows), job, &ends, scratch, slot, height, 4, threads);
        Step step = {mean, error, motion, refined, n ? NULL : before};
        share_rows(NAME(step_rows), job, &step, scratch, slot, height, 4, threads);
        motion = refined;
    }
    Ends ends = {motion, 0, mean, error}, own = {job->own, 1, NULL, own_error};
    share_rows(NAME(compare_rows), job, &ends, scratch, slot, height, 4, threads);
    share_rows(NAME(compare_rows), job, &own, scratch, slot, height, 4, threads);
    Result result = {refined, mean, error, own_error, before};
    share_rows(NAME(correct_rows), job, &result, scratch, slot, height, 4, threads);
    free(memory);
    return 0;
}
#undef EDGE
