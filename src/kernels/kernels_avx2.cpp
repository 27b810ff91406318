// The loops for AVX2: compiled with its flags, and called only where kernels/dispatch finds it.
#define OCTET_ARCH_AVX2 1
#define XXH_INLINE_ALL 1
#define XXH_VECTOR XXH_AVX2
#include <xxhash.h>

#include <xsimd/xsimd.hpp>

namespace octet::kernels {
namespace {
using Arch = xsimd::avx2;
}
}  // namespace octet::kernels

#include "kernels/simd_text.hpp"
#include "kernels/tables.hpp"

namespace octet::kernels {
const Kernels kAvx2Kernels = table_named("avx2");
}
