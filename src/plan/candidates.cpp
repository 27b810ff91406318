// Vectors have one scheme, buffers two; matrices have two-level groups of 18 and 64 inputs for
// every number of bits.
#include "plan/candidates.hpp"

#include "quant/storage_layout.hpp"

namespace octet::plan {
namespace {

/// Of fewer inputs the state can take so many bits that one scale for the tensor is better and
/// smaller.
constexpr std::uint64_t kShortRow = 32;

Scheme tensor_scheme(std::uint32_t bits) {
    Scheme scheme;
    scheme.bits = bits;
    return scheme;
}

}  // namespace

std::uint64_t inputs_of(const TensorReport& tensor) noexcept {
    Scheme scheme;
    scheme.axis = tensor.output_axis;
    scheme.batch = tensor.batch;
    return quant::inputs_of(scheme, tensor.shape);
}

std::vector<Scheme> candidate_schemes(const TensorReport& tensor) {
    if (tensor.shape.size() < 2) return {tensor_scheme(8)};
    if (tensor.kind == Kind::kBuffer)
        return {quant::with_packing(tensor_scheme(2), tensor.shape), tensor_scheme(8)};
    std::vector<Scheme> schemes;
    if (inputs_of(tensor) < kShortRow) schemes.push_back(tensor_scheme(8));
    for (const std::uint32_t bits : {2U, 3U, 4U, 5U, 6U, 8U}) {
        Scheme scheme = tensor_scheme(bits);
        scheme.granularity = Granularity::kGroup;
        scheme.axis = tensor.output_axis;
        scheme.batch = tensor.batch;
        scheme.range = RangeSearch::kMse;
        scheme.scale_dtype = ScaleDtype::kTwoLevel;
        for (const std::uint32_t group_size : {64U, 18U}) {
            if (bits == 2 && group_size == 64) continue;
            scheme.group_size = group_size;
            schemes.push_back(quant::with_packing(scheme, tensor.shape));
        }
    }
    return schemes;
}

}  // namespace octet::plan
