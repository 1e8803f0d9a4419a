/*
 * Runs the kernels' jobs that another process sends, so that tests in Python can run kernels of another architecture in an
 * emulator: see emulated.py, which speaks to it. Built by scripts/sanitize.py.
 *
 * A request: a Header, the job's structure, a Buffer for each array that it points to, then their bytes. The answer: what
 * the kernel returned, and the bytes of the arrays that it writes. Each array ends where a page begins that nobody may touch.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernels.h"
#include "threads.h"

enum { PAGE = 4096, NAME_SIZE = 16, MOST_BUFFERS = 32, MOST_BYTES = 2048 };

typedef struct {
    char kernel[NAME_SIZE];
    int32_t threads, job_size, buffers, unused;
} Header;

typedef struct {
    int32_t place, is_written; /* where in the job the array's address goes */
    int64_t size;
} Buffer;

const char *vsrife_variant(const char *name);
void vsrife_threads(void *gomp, void *fork, void *push, void *thread);
#define KERNELS(one) \
    one(block_input, BlockInput) one(warp_and_blend, WarpAndBlend) one(to_rgb, ToRgb) one(encode, Encode) \
    one(mean_luma, MeanLuma) one(cell_flow, CellFlow) one(correction, Correction) one(winograd, Winograd) \
    one(strided, Strided)
#define DECLARED(name, type) int vsrife_##name(const type *job, int threads);
KERNELS(DECLARED)

static void receive(void *to, size_t size) {
    if (size && fread(to, size, 1, stdin) != 1) exit(3);
}

static int run(const Header *header, const void *job) {
#define RUN(name, type) \
    if (!strcmp(header->kernel, #name) && header->job_size == (int)sizeof(type)) return vsrife_##name(job, header->threads);
    KERNELS(RUN)
    exit(4);
}

int main(void) {
    Header header;
    vsrife_threads((void *)parallel, NULL, NULL, NULL);
    if (!vsrife_variant(NULL)) return 2;
    while (fread(&header, sizeof header, 1, stdin) == 1) {
        _Alignas(16) char job[MOST_BYTES];
        Buffer buffers[MOST_BUFFERS];
        char *mapped[MOST_BUFFERS], *array[MOST_BUFFERS];
        size_t size[MOST_BUFFERS];
        if (header.job_size > MOST_BYTES || header.buffers > MOST_BUFFERS) return 5;
        receive(job, (size_t)header.job_size);
        receive(buffers, sizeof *buffers * (size_t)header.buffers);
        for (int k = 0; k < header.buffers; k++) {
            size[k] = ((size_t)buffers[k].size + PAGE - 1) / PAGE * PAGE;
            mapped[k] = mmap(NULL, size[k] + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (mapped[k] == MAP_FAILED || mprotect(mapped[k] + size[k], PAGE, PROT_NONE)) return 6;
            array[k] = mapped[k] + size[k] - buffers[k].size;
            receive(array[k], (size_t)buffers[k].size);
            memcpy(job + buffers[k].place, &array[k], sizeof array[k]);
        }
        const int32_t failed = run(&header, job);
        fwrite(&failed, sizeof failed, 1, stdout);
        for (int k = 0; k < header.buffers; k++) {
            if (buffers[k].is_written) fwrite(array[k], 1, (size_t)buffers[k].size, stdout);
            munmap(mapped[k], size[k] + PAGE);
        }
        fflush(stdout);
    }
    return 0;
}
