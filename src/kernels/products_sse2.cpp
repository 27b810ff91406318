// The products for SSE2, which multiplies and adds in two roundings.
#define OCTET_ARCH_SSE2 1
#include <xsimd/xsimd.hpp>

namespace octet::kernels {
namespace {
using Arch = xsimd::sse2;
}
}  // namespace octet::kernels

#include "kernels/product_tables.hpp"
#include "kernels/product_text.hpp"

namespace octet::kernels {
const Products kSse2Products = products_named("sse2");
}
