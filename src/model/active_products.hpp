// The loops that running models use here: those that OCTET_ISA names, or the best that there are.
#pragma once

#include "kernels/products.hpp"

namespace octet::model {

/// An unknown OCTET_ISA is kUsage, at the first call.
const kernels::Products& active_products();

}  // namespace octet::model
