/*
 * Exported kernels: the fastest variant this CPU runs, on the threads of the OpenMP library that PyTorch has loaded.
 *
 * The caller passes that library's entry points, so that the process has one pool of threads; without them the kernels
 * run on the calling thread.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

/* ---------------------------------------------------------------------------------------------------------------- */
/* Threads */

typedef void (*RowsFn)(const void *job, void *shared, float *scratch, int from, int to);

typedef struct {
    RowsFn rows;
    const void *job;
    void *shared;
    int count, chunk;
    float *scratch;      /* `slot` floats for each thread */
    size_t slot;
    atomic_int next, threads;
} Work;

typedef void (*GompParallel)(void (*)(void *), void *, unsigned, unsigned);
typedef struct {
    int32_t reserved, flags, reserved2, reserved3;
    const char *source;
} KmpIdent;
typedef void (*KmpFork)(KmpIdent *, int32_t, void (*)(int32_t *, int32_t *, Work *), ...);
typedef void (*KmpPush)(KmpIdent *, int32_t, int32_t);
typedef int32_t (*KmpThread)(KmpIdent *);

static GompParallel gomp_parallel;
static KmpFork kmp_fork;
static KmpPush kmp_push;
static KmpThread kmp_thread;

static void work_on(void *data) {
    Work *work = data;
    float *scratch = work->scratch + work->slot * (size_t)atomic_fetch_add(&work->threads, 1);
    for (;;) {
        int from = atomic_fetch_add(&work->next, work->chunk);
        if (from >= work->count) return;
        int to = from + work->chunk < work->count ? from + work->chunk : work->count;
        work->rows(work->job, work->shared, scratch, from, to);
    }
}

static void work_on_kmp(int32_t *global, int32_t *local, Work *work) {
    (void)global;
    (void)local;
    work_on(work);
}

static void share_rows(
    RowsFn rows, const void *job, void *shared, float *scratch, size_t slot, int count, int chunk, int threads) {
    Work work = {rows, job, shared, count, chunk, scratch, slot, 0, 0};
    if (threads > 1 && count > chunk && gomp_parallel) {
        gomp_parallel(work_on, &work, (unsigned)threads, 0);
    } else if (threads > 1 && count > chunk && kmp_fork) {
        static KmpIdent here = {0, 2, 0, 0, ";vsrife;kernels;0;0;;"};
        kmp_push(&here, kmp_thread(&here), threads);
        kmp_fork(&here, 1, work_on_kmp, &work);
    } else {
        work_on(&work);
    }
}

/* The entry points of GNU's or LLVM's OpenMP runtime, or NULL. */
EXPORT void vsrife_threads(void *gomp, void *fork, void *push, void *thread) {
    gomp_parallel = (GompParallel)gomp;
    kmp_push = (KmpPush)push;
    kmp_thread = (KmpThread)thread;
    kmp_fork = push && thread ? (KmpFork)fork : NULL;
}

/* ---------------------------------------------------------------------------------------------------------------- */
/* Variants */

typedef struct {
    const char *name;
    int (*block_input)(const BlockInput *, int);
    int (*warp_and_blend)(const WarpAndBlend *, int);
    int (*to_rgb)(const ToRgb *, int);
    int (*encode)(const Encode *, int);
    int (*mean_luma)(const MeanLuma *, int);
    int (*cell_flow)(const CellFlow *, int);
    int (*correction)(const Correction *, int);
    int (*winograd)(const Winograd *, int);
    int (*strided)(const Strided *, int);
} Variant;

#define BASE 1
#define NAME(x) x##_base
#include "kernels_variant.h"
#undef NAME
#undef BASE

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#define HAS_AVX2 1
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define NAME(x) x##_avx2
#include "kernels_variant.h"
#undef NAME
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push( \
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,prefer-vector-width=512")
#endif
#define NAME(x) x##_avx512
#define HAS_BF16 1
#include "kernels_variant.h"
#undef HAS_BF16
#undef HAS_AVX2
#undef NAME
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

static const Variant *variants[4];

#if defined(__x86_64__)
/* Asks the CPU itself: the compiler's helper for this, __builtin_cpu_supports, always says no in what Zig links. */
static void find_sets(int *avx2, int *avx512) {
    unsigned a, b, c, d, saved, high;
    *avx2 = *avx512 = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_FMA)) return;
    __asm__ volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0)); /* the registers that the system saves */
    if ((saved & 0x6) != 0x6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
    *avx2 = (b & bit_AVX2) != 0;
    const unsigned needed = bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;
    if (!*avx2 || (saved & 0xe6) != 0xe6 || (b & needed) != needed) return;
    *avx512 = __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & (1u << 5)); /* AVX512_BF16 */
}
#endif

static int runs_here(const Variant *variant) {
#if defined(__x86_64__)
    int avx2, avx512;
    find_sets(&avx2, &avx512);
    if (variant == &variant_avx2) return avx2;
    if (variant == &variant_avx512) return avx512;
#endif
    return variant == &variant_base;
}

static void find_variants(void) {
    const Variant *all[] = {
#if defined(__x86_64__)
        &variant_avx512, &variant_avx2,
#endif
        &variant_base};
    int found = 0;
    for (unsigned k = 0; k < sizeof all / sizeof *all; k++)
        if (runs_here(all[k])) variants[found++] = all[k];
}

static const Variant *used;

/* Uses a variant by its name, the best for NULL. The name of the one now in use, or NULL where it cannot run here. */
EXPORT const char *vsrife_variant(const char *name) {
    if (!variants[0]) find_variants();
    for (int k = 0; variants[k]; k++)
        if (!name || !strcmp(name, variants[k]->name)) return (used = variants[k])->name;
    return NULL;
}

EXPORT int vsrife_kernels_version(void) { return KERNELS_VERSION; }

EXPORT int vsrife_block_input(const BlockInput *job, int threads) { return used->block_input(job, threads); }
EXPORT int vsrife_warp_and_blend(const WarpAndBlend *job, int threads) { return used->warp_and_blend(job, threads); }
EXPORT int vsrife_to_rgb(const ToRgb *job, int threads) { return used->to_rgb(job, threads); }
EXPORT int vsrife_encode(const Encode *job, int threads) { return used->encode(job, threads); }
EXPORT int vsrife_mean_luma(const MeanLuma *job, int threads) { return used->mean_luma(job, threads); }
EXPORT int vsrife_cell_flow(const CellFlow *job, int threads) { return used->cell_flow(job, threads); }
EXPORT int vsrife_correction(const Correction *job, int threads) { return used->correction(job, threads); }
EXPORT int vsrife_winograd(const Winograd *job, int threads) { return used->winograd(job, threads); }
EXPORT int vsrife_strided(const Strided *job, int threads) { return used->strided(job, threads); }

EXPORT int vsrife_size_block_input(void) { return (int)sizeof(BlockInput); }
EXPORT int vsrife_size_warp_and_blend(void) { return (int)sizeof(WarpAndBlend); }
EXPORT int vsrife_size_to_rgb(void) { return (int)sizeof(ToRgb); }
EXPORT int vsrife_size_encode(void) { return (int)sizeof(Encode); }
EXPORT int vsrife_size_mean_luma(void) { return (int)sizeof(MeanLuma); }
EXPORT int vsrife_size_cell_flow(void) { return (int)sizeof(CellFlow); }
EXPORT int vsrife_size_correction(void) { return (int)sizeof(Correction); }
EXPORT int vsrife_size_winograd(void) { return (int)sizeof(Winograd); }
EXPORT int vsrife_size_strided(void) { return (int)sizeof(Strided); }
