// The products for AVX-512.
#define OCTET_ARCH_AVX512 1
#include <xsimd/xsimd.hpp>

namespace octet::kernels {
namespace {
using Arch = xsimd::avx512bw;
}
}  // namespace octet::kernels

#include "kernels/product_tables.hpp"
#include "kernels/product_text.hpp"

namespace octet::kernels {
const Products kAvx512Products = products_named("avx512");
}
