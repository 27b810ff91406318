// The loops for AVX-512 (F, BW, DQ, VL): compiled with its flags, and called only where
// kernels/dispatch finds it.
#define OCTET_ARCH_AVX512 1
#define XXH_INLINE_ALL 1
#define XXH_VECTOR XXH_AVX512
#include <xxhash.h>

#include <xsimd/xsimd.hpp>

namespace octet::kernels {
namespace {
using Arch = xsimd::avx512bw;
}
}  // namespace octet::kernels

#include "kernels/simd_text.hpp"
#include "kernels/tables.hpp"

namespace octet::kernels {
const Kernels kAvx512Kernels = table_named("avx512");
}
