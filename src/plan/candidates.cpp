// Vectors have one scheme, buffers two; matrices have two-level groups of 18 and 64 inputs for
// every number of bits.
#include "plan/candidates.hpp"

namespace octet::plan {
namespace {

Scheme tensor_scheme(std::uint32_t bits) {
    Scheme scheme;
    scheme.bits = bits;
    return scheme;
}

}  // namespace

std::vector<Scheme> candidate_schemes(const TensorReport& tensor, OutputAxis axis) {
    if (tensor.shape.size() < 2) return {tensor_scheme(8)};
    if (tensor.kind == Kind::kBuffer) return {tensor_scheme(2), tensor_scheme(8)};
    std::vector<Scheme> schemes;
    for (const std::uint32_t bits : {2U, 3U, 4U, 5U, 6U, 8U}) {
        Scheme scheme = tensor_scheme(bits);
        scheme.granularity = Granularity::kGroup;
        scheme.axis = axis;
        scheme.range = RangeSearch::kMse;
        scheme.scale_dtype = ScaleDtype::kTwoLevel;
        for (const std::uint32_t group_size : {64U, 18U}) {
            if (bits == 2 && group_size == 64) continue;
            scheme.group_size = group_size;
            schemes.push_back(scheme);
        }
    }
    return schemes;
}

}  // namespace octet::plan
