// The instruction set of the codecs' loops decides here, too, or the next lower one that has
// products.
#include "model/active_products.hpp"

#include <string_view>

#include "quant/active_kernels.hpp"

namespace octet::model {
namespace {

/// Up to the instruction set of the other loops: not every one of those has loops here.
const kernels::Products& chosen() {
    const std::string_view wanted = quant::active_kernels().name;
    const kernels::Products* best = kernels::products_for(kernels::Isa::kScalar);
    for (const kernels::Isa isa : quant::available_isas()) {
        if (const kernels::Products* const table = kernels::products_for(isa)) best = table;
        if (wanted == kernels::isa_name(isa)) break;
    }
    return *best;
}

}  // namespace

const kernels::Products& active_products() {
    static const kernels::Products& active = chosen();
    return active;
}

}  // namespace octet::model
