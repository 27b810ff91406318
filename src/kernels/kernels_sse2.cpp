// The loops for SSE2, which every 64-bit x86 has.
#define OCTET_ARCH_SSE2 1
#define XXH_INLINE_ALL 1
#define XXH_VECTOR XXH_SSE2
#include <xxhash.h>

#include <xsimd/xsimd.hpp>

namespace octet::kernels {
namespace {
using Arch = xsimd::sse2;
}
}  // namespace octet::kernels

#include "kernels/simd_text.hpp"
#include "kernels/tables.hpp"

namespace octet::kernels {
const Kernels kSse2Kernels = table_named("sse2");
}
