// The tables that the instruction-set files of products.hpp export: the only symbols that leave
// them.
#pragma once

#include "kernels/products.hpp"

namespace octet::kernels {

extern const Products kScalarProducts;
extern const Products kSse2Products;
extern const Products kAvx2Products;
extern const Products kAvx512Products;
extern const Products kNeon64Products;

}  // namespace octet::kernels
