// The loops for 64-bit ARM, which always has NEON.
#define OCTET_ARCH_NEON64 1
#define XXH_INLINE_ALL 1
#define XXH_VECTOR XXH_NEON
#include <xxhash.h>

#include <xsimd/xsimd.hpp>

namespace octet::kernels {
namespace {
using Arch = xsimd::neon64;
}
}  // namespace octet::kernels

#include "kernels/simd_text.hpp"
#include "kernels/tables.hpp"

namespace octet::kernels {
const Kernels kNeon64Kernels = table_named("neon64");
}
