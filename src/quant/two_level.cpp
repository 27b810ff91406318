// How many starts the search makes, and what its limits are, by bits; kernels/two_level_text does
// it.
#include "quant/two_level.hpp"

#include <algorithm>
#include <iterator>

#include "quant/restored_noise.hpp"

namespace octet::quant {
namespace {

constexpr std::uint32_t kSuperblockInputs = 1024;
constexpr std::uint32_t kLeastGroups = 4;
static_assert((kSuperblockInputs + kLeastGroupSize - 1) / kLeastGroupSize <=
              kernels::kMaxSuperblockGroups);

/// More starts find better super scales; at few bits the third gains less than 0.03 dB and costs a
/// third of the time.
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

double noise_of(const kernels::ColumnBlock& block, std::size_t column, const Scheme& scheme,
                const kernels::Kernels& loops, const kernels::TwoLevelState& state) {
    const std::size_t size = scheme.group_size;
    double noise = 0;
    for (std::size_t first = 0; first < block.inputs; first += size) {
        const std::size_t at = first / size * kernels::kBlockColumns + column;
        const BlockState group = {state.scales[at] * state.super_scale[column],
                                  state.zero_points[at] * state.super_zero_point[column]};
        noise += restored_noise(block, column, first, std::min(size, block.inputs - first), scheme,
                                group, loops);
    }
    return noise;
}

/// Of the columns that are close to what they would be without a search: that where it restores the
/// values better.
void keep_better(const kernels::ColumnBlock& block, const Scheme& scheme,
                 const TwoLevelShape& shape, const kernels::Kernels& loops,
                 kernels::TwoLevelState& state) {
    constexpr std::size_t kColumns = kernels::kBlockColumns;
    float scales[kernels::kMaxSuperblockGroups * kColumns];
    float zero_points[kernels::kMaxSuperblockGroups * kColumns];
    kernels::TwoLevelState plain = {scales, zero_points, {}, {}};
    kernels::TwoLevelLimits limits = limits_for(scheme, shape);
    limits.starts = 0;
    loops.two_level_search(block, limits, plain);
    const std::size_t groups = (block.inputs + scheme.group_size - 1) / scheme.group_size;
    for (std::size_t column = 0; column < kColumns; ++column) {
        if (state.is_close[column] == 0.0F) continue;
        if (!(noise_of(block, column, scheme, loops, plain) <
              noise_of(block, column, scheme, loops, state)))
            continue;
        state.super_scale[column] = plain.super_scale[column];
        state.super_zero_point[column] = plain.super_zero_point[column];
        for (std::size_t at = column; at < groups * kColumns; at += kColumns) {
            state.scales[at] = plain.scales[at];
            state.zero_points[at] = plain.zero_points[at];
        }
    }
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

std::array<std::pair<std::string_view, std::uint32_t>, 4> named_numbers(
    const TwoLevelShape& shape) noexcept {
    return {{{"superblock", shape.superblock},
             {"scale_bits", shape.scale_bits},
             {"zero_point_bits", shape.zero_point_bits},
             {"code_offset", shape.code_offset}}};
}

void search_superblock(const kernels::ColumnBlock& block, const Scheme& scheme,
                       const TwoLevelShape& shape, const kernels::Kernels& loops,
                       kernels::TwoLevelState& state) {
    loops.two_level_search(block, limits_for(scheme, shape), state);
    const auto is_close = [](float close) { return close != 0.0F; };
    if (std::any_of(std::begin(state.is_close), std::end(state.is_close), is_close))
        keep_better(block, scheme, shape, loops, state);
    if (scheme.symmetric)
        std::fill(std::begin(state.super_zero_point), std::end(state.super_zero_point), 0.0F);
}

}  // namespace octet::quant
