// How many starts the search makes, and what its limits are, by bits; kernels/two_level_text does
// it.
#include "quant/two_level.hpp"

#include <algorithm>
#include <iterator>

namespace octet::quant {
namespace {

constexpr std::uint32_t kSuperblockInputs = 1024;
constexpr std::uint32_t kLeastGroups = 4;
static_assert((kSuperblockInputs + kLeastGroupSize - 1) / kLeastGroupSize <= kernels::kMaxSuperblockGroups);

/// More starts find better super scales; at few bits the third gains less than 0.03 dB and costs a third of the time.
unsigned starts_for(const Scheme& scheme) {
    if (scheme.range != RangeSearch::kMse) return 0;
    return scheme.bits <= 4 ? 2 : 5;
}

kernels::TwoLevelLimits limits_for(const Scheme& scheme, const TwoLevelShape& shape) {
    kernels::TwoLevelLimits limits = {};
    limits.group_size = scheme.group_size;
    if (scheme.symmetric) {
        limits.largest_code = static_cast<float>(max_symmetric_code(scheme));
        limits.least_code = -limits.largest_code;
    } else {
        limits.least_code = -static_cast<float>(shape.code_offset);
        limits.largest_code = static_cast<float>(max_code(scheme) - shape.code_offset);
        limits.largest_zero_point = static_cast<float>((1U << (shape.zero_point_bits - 1U)) - 1U);
        limits.least_zero_point = -limits.largest_zero_point - 1.0F;
    }
    limits.largest_scale = static_cast<float>((1U << shape.scale_bits) - 1U);
    limits.starts = starts_for(scheme);
    return limits;
}

}  // namespace

TwoLevelShape two_level_shape(const Scheme& scheme) noexcept {
    const std::uint32_t group = scheme.group_size;
    const std::uint32_t small_bits = group <= 20 ? 4 : group <= 28 ? 5 : 6;
    const std::uint32_t groups = std::max((kSuperblockInputs + group - 1) / group, kLeastGroups);
    TwoLevelShape shape = {groups * group, small_bits, 0, 0};
    if (!scheme.symmetric) {
        shape.zero_point_bits = small_bits;
        shape.code_offset = 1U << (scheme.bits - 1U);
    }
    return shape;
}

std::array<std::pair<std::string_view, std::uint32_t>, 4> named_numbers(const TwoLevelShape& shape) noexcept {
    return {{{"superblock", shape.superblock},
             {"scale_bits", shape.scale_bits},
             {"zero_point_bits", shape.zero_point_bits},
             {"code_offset", shape.code_offset}}};
}

void search_superblock(const kernels::ColumnBlock& block, const Scheme& scheme, const TwoLevelShape& shape,
                       const kernels::Kernels& loops, kernels::TwoLevelState& state) {
    loops.two_level_search(block, limits_for(scheme, shape), state);
    if (scheme.symmetric) std::fill(std::begin(state.super_zero_point), std::end(state.super_zero_point), 0.0F);
}

}  // namespace octet::quant
