// The products for 64-bit ARM.
#define OCTET_ARCH_NEON64 1
#include <xsimd/xsimd.hpp>

namespace octet::kernels {
namespace {
using Arch = xsimd::neon64;
}
}  // namespace octet::kernels

#include "kernels/product_tables.hpp"
#include "kernels/product_text.hpp"

namespace octet::kernels {
const Products kNeon64Products = products_named("neon64");
}
