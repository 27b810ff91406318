// States and bounds of many blocks: the formulas of quant/block_state.cpp, which is the
// specification, without branches, so that the compiler makes vector loops of them for this file's
// instruction set. Every operation is exact or rounded once, hence the results are those of
// block_state() to the bit. Everything is in an anonymous namespace (see scalar_text.hpp).
#pragma once

#include <cmath>
#include <limits>

#include "kernels/scalar_text.hpp"

namespace octet::kernels {
namespace {

constexpr std::uint32_t kSign = 0x80000000U;

inline float as_float(std::uint32_t bits) {
    return bits_as<float>(bits);
}
inline std::uint32_t as_bits(float value) {
    return bits_as<std::uint32_t>(value);
}

/// `value` with the lowest `kBits` bits of its significand rounded up.
template <unsigned kBits>
inline float up_by_bits(float value) {
    constexpr std::uint32_t kMask = (1U << kBits) - 1U;
    const std::uint32_t pattern = as_bits(value);
    const std::uint32_t away =
        (pattern & kSign) == 0 ? kMask : 0U;  // toward zero is up where the value is negative
    return as_float((pattern + away) & ~kMask);
}

/// All ones where a < b, else all zeros, of numbers whose difference does not overflow: arithmetic,
/// as compilers make branches of conditions, which no vector has.
constexpr std::uint32_t mask_below(std::int32_t a, std::int32_t b) {
    return static_cast<std::uint32_t>((a - b) >> 31);
}
inline std::uint32_t sign_mask(float value) {
    return static_cast<std::uint32_t>(static_cast<std::int32_t>(as_bits(value)) >> 31);
}
inline std::int32_t magnitude_of(float value) {
    return static_cast<std::int32_t>(as_bits(value) & ~kSign);
}
inline float chosen(std::uint32_t mask, float yes, float no) {
    return as_float((as_bits(yes) & mask) | (as_bits(no) & ~mask));
}
inline float smaller_of(float a, float b) {
    return b < a ? b : a;
}
inline float larger_of(float a, float b) {
    return a < b ? b : a;
}

/// rounded_up() for finite numbers to F16: below 2^-14 multiples of 2^-24, then 11 bits, and at
/// last 65504 or infinity.
inline float up_to_f16(float value) {
    const std::uint32_t is_small = mask_below(magnitude_of(value), magnitude_of(0x1p-14F));
    const std::uint32_t is_large = mask_below(magnitude_of(65504.0F), magnitude_of(value));
    const float steps = as_float(as_bits(value) & is_small) * 0x1p24F;
    const auto down = static_cast<float>(static_cast<std::int32_t>(steps));
    const float one_more = as_float(sign_mask(down - steps) & as_bits(1.0F));
    const float end = chosen(sign_mask(value), -65504.0F, std::numeric_limits<float>::infinity());
    return chosen(is_small, (down + one_more) * 0x1p-24F,
                  chosen(is_large, end, up_by_bits<13>(value)));
}

/// rounded_up() for finite numbers.
template <StateRounding kRounding>
inline float up(float value) {
    if constexpr (kRounding == StateRounding::kBF16) return up_by_bits<16>(value);
    if constexpr (kRounding == StateRounding::kF16) return up_to_f16(value);
    return value;
}

template <StateRounding kRounding>
inline void real_states(float largest, const StateArrays& b, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        const float zero_point = -up<kRounding>(-(b.min[i] + 0.0F)) + 0.0F;
        b.zero_point[i] = zero_point;
        b.scale[i] = up<kRounding>((b.max[i] - zero_point) / largest) + 0.0F;
    }
}

/// More steps than any code has, few enough for whole_nearest().
constexpr float kMostSteps = 0x1p20F;

/// The nearest whole number of 0 .. 2^22, ties to even.
inline float whole_nearest(float value) {
    constexpr float kWholeFrom = 0x1.8p23F;
    return (value + kWholeFrom) - kWholeFrom;
}

template <StateRounding kRounding>
inline void integer_states(float largest, const StateArrays& b, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        const float low = as_float(as_bits(b.min[i]) & sign_mask(b.min[i]));
        const float high = as_float(as_bits(b.max[i]) & ~sign_mask(b.max[i]));
        const float scale = up<kRounding>((high - low) / largest) + 0.0F;
        const float divisor = chosen(mask_below(magnitude_of(scale), 1),
                                     std::numeric_limits<float>::infinity(), scale);
        b.scale[i] = scale;
        const float limited = smaller_of(0.0F - low / divisor, kMostSteps);
        b.zero_point[i] = smaller_of(whole_nearest(limited), largest) + 0.0F;
    }
}

template <StateRounding kRounding>
inline void symmetric_states(float largest, const StateArrays& b, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        b.scale[i] = up<kRounding>(larger_of(std::fabs(b.min[i]), std::fabs(b.max[i])) / largest);
        b.zero_point[i] = 0.0F;
    }
}

template <StateRounding kRounding>
inline void states_of(const StateLoop& loop, const StateArrays& b, std::size_t count) {
    if (loop.symmetric) return symmetric_states<kRounding>(loop.largest_code, b, count);
    if (loop.integer_zero) return integer_states<kRounding>(loop.largest_code, b, count);
    return real_states<kRounding>(loop.largest_code, b, count);
}

StateFlags block_states(const StateLoop& loop, const StateArrays& blocks, std::size_t count) {
    const StateArrays b = blocks;
    switch (loop.rounding) {
        case StateRounding::kF16:
            states_of<StateRounding::kF16>(loop, b, count);
            break;
        case StateRounding::kBF16:
            states_of<StateRounding::kBF16>(loop, b, count);
            break;
        case StateRounding::kF32:
            states_of<StateRounding::kF32>(loop, b, count);
            break;
    }
    std::uint32_t empty = 0;
    std::uint32_t infinite = 0;
    for (std::size_t i = 0; i < count; ++i) {
        empty |= b.min[i] > b.max[i] ? 1U : 0U;
        infinite |= as_bits(b.scale[i]) >= 0x7F800000U ? 1U : 0U;
    }
    return {empty != 0, infinite != 0};
}

/// The ulps of the true bound's slack are less than 2^-23 of their numbers, and what float32
/// arithmetic loses here is less than the rest of the factors.
template <BlockKind kKind>
inline float bound_of(const BoundLoop& loop, const StateArrays& b, std::size_t i) {
    const float scale = b.scale[i];
    const float zero = b.zero_point[i];
    const float reach = loop.largest_code * scale;
    float low = zero;
    float high = reach + zero;
    if (kKind == BlockKind::kMiddle) low = zero - (reach + scale);
    if (kKind == BlockKind::kInteger) low = -zero * scale;
    if (kKind == BlockKind::kInteger) high = (loop.largest_code - zero) * scale;
    if (kKind == BlockKind::kSymmetric) low = -reach;
    if (kKind == BlockKind::kSymmetric) high = reach;
    const float beyond = larger_of(low - b.min[i], b.max[i] - high);
    const float ends = larger_of(std::fabs(low), std::fabs(high));
    const float magnitude = larger_of(larger_of(std::fabs(b.min[i]), std::fabs(b.max[i])), ends);
    return larger_of(loop.lost * scale, beyond) * 1.000001F + (magnitude * 0x1p-19F + 0x1p-140F);
}

template <BlockKind kKind>
inline float bounds_of(const BoundLoop& loop, const StateArrays& b, std::size_t count,
                       float* bounds) {
    // Numbers that are not negative compare as their bits do.
    std::int32_t largest = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const float bound = bound_of<kKind>(loop, b, i);
        bounds[i] = bound;
        const auto bits = static_cast<std::int32_t>(as_bits(bound));
        largest = bits > largest ? bits : largest;
    }
    return as_float(static_cast<std::uint32_t>(largest));
}

float block_bounds(const BoundLoop& loop, const StateArrays& blocks, std::size_t count,
                   float* bounds) {
    const BoundLoop own = loop;
    const StateArrays b = blocks;
    switch (loop.kind) {
        case BlockKind::kReal:
            return bounds_of<BlockKind::kReal>(own, b, count, bounds);
        case BlockKind::kInteger:
            return bounds_of<BlockKind::kInteger>(own, b, count, bounds);
        case BlockKind::kSymmetric:
            return bounds_of<BlockKind::kSymmetric>(own, b, count, bounds);
        case BlockKind::kMiddle:
            break;
    }
    return bounds_of<BlockKind::kMiddle>(own, b, count, bounds);
}

void largest_numbers(const float* min, const float* max, const float* scale, std::size_t count,
                     LargestNumbers& largest) {
    // Numbers that are not negative compare as their bits do.
    std::int32_t magnitude = 0;
    std::int32_t largest_scale = 0;
    std::int32_t least_scale = 0x7F800000;
    for (std::size_t i = 0; i < count; ++i) {
        const std::int32_t used = min[i] > max[i] ? 0 : -1;
        const std::int32_t low = magnitude_of(min[i]);
        const std::int32_t high = magnitude_of(max[i]);
        const std::int32_t ends = (low > high ? low : high) & used;
        const auto bits = static_cast<std::int32_t>(as_bits(scale[i]));
        magnitude = ends > magnitude ? ends : magnitude;
        least_scale = bits < least_scale ? bits : least_scale;
        largest_scale = (bits & used) > largest_scale ? bits & used : largest_scale;
    }
    largest = {as_float(static_cast<std::uint32_t>(magnitude)),
               as_float(static_cast<std::uint32_t>(largest_scale)),
               as_float(static_cast<std::uint32_t>(least_scale))};
}

}  // namespace
}  // namespace octet::kernels
