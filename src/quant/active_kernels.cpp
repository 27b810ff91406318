// Chosen once, at the first call. A name that this machine does not run is refused with those that
// it does.
#include "quant/active_kernels.hpp"

#include <cstdlib>
#include <string>

#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet::quant {

std::vector<kernels::Isa> available_isas() {
    std::vector<kernels::Isa> isas;
    for (int i = 0; i < kernels::kIsaCount; ++i) {
        const auto isa = static_cast<kernels::Isa>(i);
        if (kernels::kernels_for(isa) != nullptr) isas.push_back(isa);
    }
    return isas;
}

const kernels::Kernels& kernels_named(const char* name) {
    const std::vector<kernels::Isa> isas = available_isas();
    if (name == nullptr || *name == '\0') return *kernels::kernels_for(isas.back());
    std::string known;
    for (const kernels::Isa isa : isas) {
        if (std::string_view(name) == kernels::isa_name(isa)) return *kernels::kernels_for(isa);
        known += known.empty() ? "" : ", ";
        known += kernels::isa_name(isa);
    }
    throw Error(ErrorCode::kUsage, "OCTET_ISA",
                "no instruction set " + in_quotes(name) + " here; use one of " + known);
}

const kernels::Kernels& active_kernels() {
    static const kernels::Kernels& active = kernels_named(std::getenv("OCTET_ISA"));
    return active;
}

}  // namespace octet::quant
