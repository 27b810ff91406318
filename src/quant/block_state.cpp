// The formulas of docs/quantization.md, one function a kind of state: ranges to scale and zero
// point with the roundings of the scale's dtype, and the bound with every float32 rounding
// accounted for. Of many blocks the loops do the same, to the bit, where ranges are not empty;
// bounds are looked at again where a loop says that they could matter.
#include "quant/block_state.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "quant/active_kernels.hpp"

namespace octet::quant {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kMostF16 = 65504.0F;
constexpr float kLeastNormalF16 = 0x1p-14F;

double ulp_of(double magnitude) {
    const int exponent = magnitude == 0.0 ? -126 : std::max(std::ilogb(magnitude), -126);
    return std::ldexp(1.0, exponent - 23);
}

/// `value` with the lowest `bits` bits of its float32 significand rounded up.
float with_fewer_bits(float value, unsigned bits) {
    const std::uint32_t mask = (1U << bits) - 1U;
    std::uint32_t pattern = std::bit_cast<std::uint32_t>(value);
    const bool exact = (pattern & mask) == 0;
    pattern &= ~mask;  // toward zero: up, where the value is negative
    if (!exact && value > 0.0F) pattern += mask + 1U;
    return std::bit_cast<float>(pattern);
}

BlockState real_state(const Scheme& scheme, const kernels::Range& range) {
    // Adding +0 turns a minimum of -0 into +0 and changes nothing else.
    const float zero_point = rounded_down(range.min + 0.0F, scheme.scale_dtype) + 0.0F;
    if (std::isinf(zero_point)) return {kInfinity, 0.0F};
    return {rounded_up((range.max - zero_point) / largest_code(scheme), scheme.scale_dtype) + 0.0F,
            zero_point};
}

BlockState integer_state(const Scheme& scheme, const kernels::Range& range) {
    const float low = std::min(range.min, 0.0F);
    const float high = std::max(range.max, 0.0F);
    const float scale = rounded_up((high - low) / largest_code(scheme), scheme.scale_dtype) + 0.0F;
    if (scale == 0.0F || std::isinf(scale)) return {scale, 0.0F};
    return {scale, std::min(std::nearbyint(-low / scale), largest_code(scheme)) + 0.0F};
}

BlockState symmetric_state(const Scheme& scheme, const kernels::Range& range) {
    const float largest = std::max(std::fabs(range.min), std::fabs(range.max));
    return {rounded_up(largest / largest_code(scheme), scheme.scale_dtype), 0.0F};
}

/// What the least and the largest code stand for, exactly.
struct Ends {
    double low;
    double high;
};

Ends ends_of(const Scheme& scheme, const BlockState& state) {
    const double scale = static_cast<double>(state.scale);
    const double zero_point = static_cast<double>(state.zero_point);
    const double largest = static_cast<double>(largest_code(scheme));
    if (scheme.symmetric) return {-largest * scale, largest * scale};
    if (block_kind(scheme) == kernels::BlockKind::kMiddle)
        return {zero_point - (largest + 1) * scale, zero_point + largest * scale};
    if (scheme.zero_point == ZeroPoint::kInteger)
        return {-zero_point * scale, (largest - zero_point) * scale};
    return {zero_point, largest * scale + zero_point};
}

/// Blocks that are looked at together.
constexpr std::uint64_t kChunk = 256;

kernels::StateArrays from(const kernels::StateArrays& all, std::uint64_t first) {
    return {all.min + first, all.max + first, all.scale + first, all.zero_point + first};
}

kernels::StateRounding rounding_of(ScaleDtype dtype) {
    if (dtype == ScaleDtype::kF16) return kernels::StateRounding::kF16;
    return dtype == ScaleDtype::kBF16 ? kernels::StateRounding::kBF16
                                      : kernels::StateRounding::kF32;
}

}  // namespace

kernels::Range empty_range() noexcept {
    return {kInfinity, -kInfinity, true};
}

float rounded_up(float value, ScaleDtype dtype) noexcept {
    if (dtype == ScaleDtype::kBF16) return with_fewer_bits(value, 16);
    if (dtype != ScaleDtype::kF16) return value;
    if (value > kMostF16) return kInfinity;
    if (value < -kMostF16) return -kMostF16;
    if (std::fabs(value) < kLeastNormalF16) return std::ceil(value * 0x1p24F) * 0x1p-24F;
    return with_fewer_bits(value, 13);
}

float rounded_down(float value, ScaleDtype dtype) noexcept {
    return -rounded_up(-value, dtype);
}

BlockState block_state(const Scheme& scheme, const kernels::Range& range) noexcept {
    if (range.min > range.max) return {};
    if (scheme.symmetric) return symmetric_state(scheme, range);
    return scheme.zero_point == ZeroPoint::kInteger ? integer_state(scheme, range)
                                                    : real_state(scheme, range);
}

double block_bound(const Scheme& scheme, const BlockState& state, const kernels::Range& range,
                   Dtype source) noexcept {
    if (range.min > range.max) return 0.0;
    const double min = static_cast<double>(range.min);
    const double max = static_cast<double>(range.max);
    const double scale = static_cast<double>(state.scale);
    const Ends ends = ends_of(scheme, state);
    const double rounded = scheme.rounding == Rounding::kNearest ? scale / 2 : scale;
    const double clipped = std::max({0.0, ends.low - min, max - ends.high});
    // Subtracting, dividing and multiplying err by half an ulp of the widest span or a hair more
    // each, adding by one of the largest number.
    const double magnitude =
        std::max({std::fabs(min), std::fabs(max), std::fabs(ends.low), std::fabs(ends.high)});
    const double span = std::max(ends.high, max) - std::min(ends.low, min);
    // With scale 0 there is but one restored value: the error is a difference, rounded to float32.
    const double difference =
        state.scale == 0.0F ? static_cast<double>(static_cast<float>(clipped)) : 0.0;
    const double slack = state.scale == 0.0F ? 0.0 : ulp_of(magnitude) + 2 * ulp_of(span);
    const double narrowing =
        source == Dtype::kF64 ? ulp_of(std::max(std::fabs(min), std::fabs(max))) / 2 : 0.0;
    return std::max({rounded, clipped, difference}) + slack + narrowing;
}

kernels::BlockKind block_kind(const Scheme& scheme) noexcept {
    if (scheme.symmetric) return kernels::BlockKind::kSymmetric;
    if (scheme.scale_dtype == ScaleDtype::kTwoLevel) return kernels::BlockKind::kMiddle;
    return scheme.zero_point == ZeroPoint::kInteger ? kernels::BlockKind::kInteger
                                                    : kernels::BlockKind::kReal;
}

float largest_code(const Scheme& scheme) noexcept {
    const bool from_middle = block_kind(scheme) == kernels::BlockKind::kMiddle;
    return static_cast<float>(scheme.symmetric || from_middle ? max_symmetric_code(scheme)
                                                              : max_code(scheme));
}

std::uint64_t block_states(const Scheme& scheme, const kernels::StateArrays& blocks,
                           std::uint64_t count) noexcept {
    const kernels::StateLoop loop = {largest_code(scheme), scheme.symmetric,
                                     scheme.zero_point == ZeroPoint::kInteger,
                                     rounding_of(scheme.scale_dtype)};
    for (std::uint64_t first = 0; first < count; first += kChunk) {
        const std::uint64_t last = std::min(first + kChunk, count);
        kernels::StateFlags met =
            active_kernels().block_states(loop, from(blocks, first), last - first);
        if (!met.has_empty && !met.has_infinite) continue;
        for (std::uint64_t i = first; i < last; ++i) {
            if (blocks.min[i] > blocks.max[i]) blocks.scale[i] = blocks.zero_point[i] = 0;
            if (std::isinf(blocks.scale[i])) return i;
        }
    }
    return count;
}

double largest_block_bound(const Scheme& scheme, const kernels::StateArrays& blocks,
                           std::uint64_t count, Dtype source) noexcept {
    const kernels::BoundLoop loop = {block_kind(scheme), largest_code(scheme),
                                     scheme.rounding == Rounding::kNearest ? 0.5F : 1.0F};
    double largest = 0;
    for (std::uint64_t first = 0; first < count; first += kChunk) {
        const std::uint64_t last = std::min(first + kChunk, count);
        float bounds[kChunk];
        const float most =
            active_kernels().block_bounds(loop, from(blocks, first), last - first, bounds);
        if (static_cast<double>(most) < largest) continue;
        for (std::uint64_t i = first; i < last; ++i) {
            if (static_cast<double>(bounds[i - first]) < largest) continue;
            largest = std::max(largest, block_bound(scheme, {blocks.scale[i], blocks.zero_point[i]},
                                                    {blocks.min[i], blocks.max[i], true}, source));
        }
    }
    return largest;
}

}  // namespace octet::quant
