// The largest scale that keeps both ends finite is found by doubling steps and then halving them,
// as finiteness at one scale holds at every lower one. Two levels lower the floats of the
// superblock instead.
#include "quant/finite_state.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <optional>
#include <span>

#include "base/checked.hpp"
#include "quant/active_kernels.hpp"
#include "quant/two_level.hpp"
#include "quant/values.hpp"

namespace octet::quant {
namespace {

constexpr float kMostF16 = 65504.0F;

/// The float32 numbers between neighbours of the dtype of scales.
std::uint32_t step_of(ScaleDtype dtype) {
    if (dtype == ScaleDtype::kBF16) return 1U << 16U;
    return dtype == ScaleDtype::kF32 ? 1U : 1U << 13U;  // F16, in which two levels keep theirs, too
}

/// The largest normal number of that dtype from half of `scale` up to it under which the values
/// come back finite. The outermost code stays what it is while they are not, so that what is finite
/// at one scale is so below, too: steps that double find such a scale, halving the last of them the
/// largest.
template <typename IsFinite>
std::optional<float> lowered(float scale, ScaleDtype dtype, IsFinite is_finite) {
    const std::uint32_t step = step_of(dtype);
    const auto from = std::bit_cast<std::uint32_t>(scale);
    const auto at = [&](std::uint32_t steps) { return std::bit_cast<float>(from - steps * step); };
    std::uint32_t good = 1;
    while (!is_finite(at(good))) {
        good *= 2;
        if (from < good * step || !(at(good) >= scale / 2)) return std::nullopt;
    }
    std::uint32_t bad = good / 2;
    while (good - bad > 1) {
        const std::uint32_t middle = bad + (good - bad) / 2;
        (is_finite(at(middle)) ? good : bad) = middle;
    }
    return at(good);
}

bool is_state(const BlockState& state) {
    return std::isfinite(state.scale) && std::isfinite(state.zero_point);
}

kernels::Range range_at(const Blocks& blocks, std::uint64_t i) {
    return {blocks.min[i], blocks.max[i], true};
}

/// As float32 and as that dtype.
bool are_finite_in(const std::array<float, 2>& values, Dtype source) {
    std::byte narrowed[2 * sizeof(double)];
    kernels::Narrowing narrowing{};
    const std::size_t size = 2 * (dtype_bits(source) / 8);
    convert_values(Dtype::kF32, std::as_bytes(std::span(values)), source,
                   std::span(narrowed).first(size), narrowing);
    return std::isfinite(values[0]) && std::isfinite(values[1]) && !narrowing.overflowed;
}

bool settle_scale(const Scheme& scheme, const kernels::Range& range, Dtype source,
                  BlockState& state) {
    const float magnitude =
        range.min > range.max ? 0.0F : std::max(std::fabs(range.min), std::fabs(range.max));
    if (is_far_from_infinite(std::max(magnitude, state.scale), source) && is_state(state))
        return true;
    if (restores_finite(scheme, state, range, source)) return true;
    if (scheme.rounding == Rounding::kTruncate || !is_state(state)) return false;
    const auto lower = lowered(state.scale, scheme.scale_dtype, [&](float scale) {
        return restores_finite(scheme, {scale, state.zero_point}, range, source);
    });
    if (!lower) return false;
    state.scale = *lower;
    return true;
}

/// Settles blocks that have states of their own.
std::uint64_t settle_blocks(const Scheme& scheme, const Blocks& blocks, Dtype source) {
    for (std::uint64_t i = 0; i < blocks.count; ++i) {
        BlockState state = {blocks.scale[i], blocks.zero_point[i]};
        if (!settle_state(scheme, range_at(blocks, i), source, state)) return i;
        blocks.scale[i] = state.scale;
        blocks.zero_point[i] = state.zero_point;
    }
    return blocks.count;
}

/// The groups of one superblock, every `stride`-th block from `first` on, and what they share.
struct Superblock {
    std::uint64_t first;
    std::uint64_t groups;
    std::uint64_t stride;
    float& super_scale;
    float& super_zero_point;
};

/// The first group that does not come back finite under that super scale.
std::optional<std::uint64_t> first_infinite(const Scheme& scheme, const Blocks& blocks,
                                            const Superblock& super, float super_scale,
                                            Dtype source) {
    for (std::uint64_t group = 0; group < super.groups; ++group) {
        const std::uint64_t i = super.first + group * super.stride;
        const BlockState state = {blocks.small_scale[i] * super_scale, blocks.zero_point[i]};
        if (!restores_finite(scheme, state, range_at(blocks, i), source)) return i;
    }
    return std::nullopt;
}

/// A zero point that is itself beyond the end goes toward 0, those of its superblock with it.
void settle_zero_points(const Blocks& blocks, const Superblock& super, Dtype source) {
    const auto are_finite = [&](float super_zero_point) {
        for (std::uint64_t group = 0; group < super.groups; ++group) {
            const std::uint64_t i = super.first + group * super.stride;
            if (!are_finite_in({blocks.small_zero_point[i] * super_zero_point, 0.0F}, source))
                return false;
        }
        return true;
    };
    const float before = super.super_zero_point;
    if (!std::isfinite(before) || are_finite(before)) return;
    const auto lower = lowered(std::fabs(before), ScaleDtype::kTwoLevel, are_finite);
    if (!lower) return;
    super.super_zero_point = std::copysign(*lower, before);
    for (std::uint64_t group = 0; group < super.groups; ++group) {
        const std::uint64_t i = super.first + group * super.stride;
        blocks.zero_point[i] = blocks.small_zero_point[i] * super.super_zero_point;
    }
}

std::uint64_t settle_superblock(const Scheme& scheme, const Blocks& blocks, const Superblock& super,
                                Dtype source) {
    if (!first_infinite(scheme, blocks, super, super.super_scale, source)) return blocks.count;
    settle_zero_points(blocks, super, source);
    const auto infinite = first_infinite(scheme, blocks, super, super.super_scale, source);
    if (!infinite) return blocks.count;
    const auto lower = lowered(super.super_scale, scheme.scale_dtype, [&](float super_scale) {
        return !first_infinite(scheme, blocks, super, super_scale, source);
    });
    if (!lower) return *infinite;
    super.super_scale = *lower;
    for (std::uint64_t group = 0; group < super.groups; ++group) {
        const std::uint64_t i = super.first + group * super.stride;
        blocks.scale[i] = blocks.small_scale[i] * *lower;
    }
    return blocks.count;
}

std::uint64_t settle_superblocks(const Scheme& scheme, const Blocks& blocks, Dtype source) {
    const bool by_columns = scheme.axis == OutputAxis::k1;
    const std::uint64_t down = blocks.count / blocks.across;
    const std::uint64_t outputs = by_columns ? blocks.across : down;
    const std::uint64_t inputs = by_columns ? down : blocks.across;  // groups of an output
    const std::uint64_t most = two_level_shape(scheme).superblock / scheme.group_size;
    const std::uint64_t runs = divide_up(inputs, most);
    for (std::uint64_t output = 0; output < outputs; ++output) {
        for (std::uint64_t run = 0; run < runs; ++run) {
            const std::uint64_t group = run * most;
            const std::uint64_t place = by_columns ? run * outputs + output : output * runs + run;
            const Superblock super = {
                by_columns ? group * blocks.across + output : output * blocks.across + group,
                std::min(most, inputs - group), by_columns ? blocks.across : 1,
                blocks.super_scale[place], blocks.super_zero_point[place]};
            const std::uint64_t found = settle_superblock(scheme, blocks, super, source);
            if (found < blocks.count) return found;
        }
    }
    return blocks.count;
}

}  // namespace

bool is_far_from_infinite(float largest, Dtype source) noexcept {
    // No error is larger than a scale, no scale of such a block than twice its range. Searches
    // square: they need more room in float32.
    return largest < (source == Dtype::kF16 ? kMostF16 / 8 : 0x1p60F);
}

bool restores_finite(const Scheme& scheme, const BlockState& state, const kernels::Range& range,
                     Dtype source) noexcept {
    if (range.min > range.max) return true;
    if (!is_state(state)) return false;
    const kernels::Kernels& k = active_kernels();
    const float ends[2] = {range.min, range.max};
    kernels::BlockLoop loop{block_kind(scheme),
                            scheme.rounding == Rounding::kTruncate,
                            largest_code(scheme),
                            1.0F,
                            1.0F,
                            &state.scale,
                            &state.zero_point};
    loop.run = 2;
    std::uint8_t codes[2];
    float restored[2];
    kernels::BlockSums sums = {};
    k.quantize_block(ends, 1, 2, loop, codes, sums);
    k.restore_block(codes, 2, loop, restored);
    return are_finite_in({restored[0], restored[1]}, source);
}

bool settle_state(const Scheme& scheme, const kernels::Range& range, Dtype source,
                  BlockState& state) noexcept {
    if (settle_scale(scheme, range, source, state)) return true;
    if (scheme.range == RangeSearch::kMinMax || scheme.rounding == Rounding::kTruncate)
        return false;
    state = block_state(scheme, range);
    return settle_scale(scheme, range, source, state);
}

std::uint64_t settle_states(const Scheme& scheme, const Blocks& blocks, Dtype source,
                            SumFactors& factors) {
    if (is_far_from_infinite(std::max(factors.magnitude, factors.scale), source))
        return blocks.count;
    const bool two_levels = scheme.scale_dtype == ScaleDtype::kTwoLevel;
    const std::uint64_t found = two_levels ? settle_superblocks(scheme, blocks, source)
                                           : settle_blocks(scheme, blocks, source);
    factors = sum_factors(blocks);
    factors.has_normal_scales = false;  // a lower scale lets quotients round to what is no code
    return found;
}

}  // namespace octet::quant
