// The products for AVX2 with fused multiply-add.
#define OCTET_ARCH_AVX2 1
#include <xsimd/xsimd.hpp>

namespace octet::kernels {
namespace {
using Arch = xsimd::avx2;
}
}  // namespace octet::kernels

#include "kernels/product_tables.hpp"
#include "kernels/product_text.hpp"

namespace octet::kernels {
const Products kAvx2Products = products_named("avx2");
}
