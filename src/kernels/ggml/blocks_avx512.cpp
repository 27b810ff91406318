// The loops of this folder for AVX-512.
#define OCTET_ARCH_AVX512 1
#include <xsimd/xsimd.hpp>

namespace octet::kernels::ggml {
namespace {
using Arch = xsimd::avx512bw;
}
}  // namespace octet::kernels::ggml

#include "kernels/ggml/loops_named.hpp"
#include "kernels/ggml/simd_lanes.hpp"
#include "kernels/ggml/tables.hpp"

namespace octet::kernels::ggml {
const Loops kAvx512Loops = loops_named<SimdLanes>("avx512");
}
