#include "quant/codecs.hpp"

#include "octet/error.hpp"

namespace octet::quant {

bool has_codec(const Scheme& scheme) noexcept {
    const bool two_levels = scheme.scale_dtype == ScaleDtype::kTwoLevel;
    if (two_levels) return scheme.range != RangeSearch::kPercentile;
    return scheme.granularity != Granularity::kChannel || scheme.range == RangeSearch::kMinMax;
}

void check_has_codec(const Scheme& scheme) {
    const std::string problem = scheme_problem(scheme);
    if (!problem.empty())
        throw Error(ErrorCode::kUsage, "the scheme " + scheme_name(scheme), problem + "; choose another");
    if (has_codec(scheme)) return;
    const bool is_group = scheme.granularity == Granularity::kGroup;
    const std::string range = scheme.range == RangeSearch::kMse ? "mse" : "percentile";
    throw Error(ErrorCode::kUsage, "the scheme " + scheme_name(scheme),
                is_group
                    ? "two levels have no percentile ranges; leave one of the two out"
                    : "the range " + range + " is for groups and tensors only; choose --granularity group or tensor");
}

}  // namespace octet::quant
