// The loops of this folder for AVX2.
#define OCTET_ARCH_AVX2 1
#include <xsimd/xsimd.hpp>

namespace octet::kernels::ggml {
namespace {
using Arch = xsimd::avx2;
}
}  // namespace octet::kernels::ggml

#include "kernels/ggml/loops_named.hpp"
#include "kernels/ggml/simd_lanes.hpp"
#include "kernels/ggml/tables.hpp"

namespace octet::kernels::ggml {
const Loops kAvx2Loops = loops_named<SimdLanes>("avx2");
}
