// The loops of the instruction set that the codecs use.
#include "quant/ggml/active_loops.hpp"

#include <string_view>

#include "quant/active_kernels.hpp"

namespace octet::ggml {
namespace {

const kernels::ggml::Loops& loops_named(std::string_view name) {
    const kernels::ggml::Loops* found = kernels::ggml::loops_for(kernels::Isa::kScalar);
    for (const kernels::Isa isa : quant::available_isas()) {
        if (name == kernels::isa_name(isa)) found = kernels::ggml::loops_for(isa);
    }
    return *found;
}

}  // namespace

const kernels::ggml::Loops& active_loops() {
    static const kernels::ggml::Loops& active = loops_named(quant::active_kernels().name);
    return active;
}

}  // namespace octet::ggml
