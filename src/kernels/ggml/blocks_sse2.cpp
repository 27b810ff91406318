// The loops of this folder for SSE2, which every x86-64 has.
#define OCTET_ARCH_SSE2 1
#include <xsimd/xsimd.hpp>

namespace octet::kernels::ggml {
namespace {
using Arch = xsimd::sse2;
}
}  // namespace octet::kernels::ggml

#include "kernels/ggml/loops_named.hpp"
#include "kernels/ggml/simd_lanes.hpp"
#include "kernels/ggml/tables.hpp"

namespace octet::kernels::ggml {
const Loops kSse2Loops = loops_named<SimdLanes>("sse2");
}
