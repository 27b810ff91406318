// Every possible scheme has a codec but two levels with a percentile.
#include "quant/codecs.hpp"

#include "octet/error.hpp"

namespace octet::quant {

bool has_codec(const Scheme& scheme) noexcept {
    return scheme.scale_dtype != ScaleDtype::kTwoLevel || scheme.range != RangeSearch::kPercentile;
}

void check_has_codec(const Scheme& scheme) {
    const std::string problem = scheme_problem(scheme);
    if (!problem.empty())
        throw Error(ErrorCode::kUsage, "the scheme " + scheme_name(scheme),
                    problem + "; choose another");
    if (has_codec(scheme)) return;
    throw Error(ErrorCode::kUsage, "the scheme " + scheme_name(scheme),
                "two levels have no percentile ranges; leave one of the two out");
}

}  // namespace octet::quant
