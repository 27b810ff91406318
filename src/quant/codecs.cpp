#include "quant/codecs.hpp"

#include "octet/error.hpp"

namespace octet::quant {

bool has_codec(const Scheme& scheme) noexcept {
    Scheme tensor;
    tensor.rounding = scheme.rounding;
    return scheme == tensor;
}

void check_has_codec(const Scheme& scheme) {
    const std::string problem = scheme_problem(scheme);
    if (!problem.empty())
        throw Error(ErrorCode::kUsage, "the scheme " + scheme_name(scheme), problem + "; choose another");
    if (!has_codec(scheme))
        throw Error(ErrorCode::kUsage, "the scheme " + scheme_name(scheme), "is not built yet; choose another");
}

}  // namespace octet::quant
