// The loops of this folder for NEON, which every aarch64 has.
#define OCTET_ARCH_NEON64 1
#include <xsimd/xsimd.hpp>

namespace octet::kernels::ggml {
namespace {
using Arch = xsimd::neon64;
}
}  // namespace octet::kernels::ggml

#include "kernels/ggml/loops_named.hpp"
#include "kernels/ggml/simd_lanes.hpp"
#include "kernels/ggml/tables.hpp"

namespace octet::kernels::ggml {
const Loops kNeon64Loops = loops_named<SimdLanes>("neon64");
}
