/* Convolutions in fp32: what their kernels share, and the kernels. Included by kernels_variant.h. */

#ifdef BASE
typedef int32_t I4 __attribute__((vector_size(16)));
typedef uint32_t U16 __attribute__((vector_size(64)));
typedef uint16_t H16 __attribute__((vector_size(32)));
#define PANEL 16 /* outputs whose sums a core keeps in registers */
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 16")
#endif
#endif

/* GROUP: tiles or pixels whose sums a core keeps in registers; PANELS: of outputs that Winograd's kernel computes at once */
#if defined(HAS_BF16)
#define LANES 16
#define GROUP 12
#define PANELS 2
#define V V16
#define I I16
#define LOAD NAME(load16)
#define U U16
#define H H16
#elif defined(HAS_AVX2)
#define LANES 8
#define GROUP 6
#define PANELS 1
#define V V8
#define I I8
#define LOAD NAME(load8)
#define U U8
#define H H8
#else
#define LANES 4
#define PANELS 1
#if defined(__aarch64__)
#define GROUP 6 /* 24 of the 32 registers; SSE2 has 16 */
#else
#define GROUP 4
#endif
#define V V4
#define I I4
#define LOAD NAME(load4)
#define U U4
#define H H4
#endif

#include "winograd_variant.h"
#include "strided_variant.h"

#undef LANES
#undef GROUP
#undef PANELS
#undef V
#undef I
#undef LOAD
#undef U
#undef H
