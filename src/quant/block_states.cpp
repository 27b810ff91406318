// States and bounds of many blocks: the formulas of block_state.cpp without branches, so that the compiler makes vector loops of them.
// Every operation is exact or rounded once, hence the results are those of block_state() to the bit.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "quant/block_state.hpp"

namespace octet::quant {
namespace {

/// Blocks that are looked at together.
constexpr std::uint64_t kChunk = 64;

constexpr std::uint32_t kSign = 0x80000000U;

constexpr float as_float(std::uint32_t bits) {
    return std::bit_cast<float>(bits);
}
constexpr std::uint32_t as_bits(float value) {
    return std::bit_cast<std::uint32_t>(value);
}

/// `value` with the lowest `kBits` bits of its significand rounded up.
template <unsigned kBits>
inline float up_by_bits(float value) {
    constexpr std::uint32_t kMask = (1U << kBits) - 1U;
    const std::uint32_t pattern = as_bits(value);
    const std::uint32_t away = (pattern & kSign) == 0 ? kMask : 0U;  // toward zero is up where the value is negative
    return as_float((pattern + away) & ~kMask);
}

/// All ones where a < b, else all zeros, of numbers whose difference does not overflow: arithmetic, as compilers make branches of
/// conditions, which no vector has.
constexpr std::uint32_t mask_below(std::int32_t a, std::int32_t b) {
    return static_cast<std::uint32_t>((a - b) >> 31);
}
constexpr std::uint32_t sign_mask(float value) {
    return static_cast<std::uint32_t>(static_cast<std::int32_t>(as_bits(value)) >> 31);
}
constexpr std::int32_t magnitude_of(float value) {
    return static_cast<std::int32_t>(as_bits(value) & ~kSign);
}
constexpr float chosen(std::uint32_t mask, float yes, float no) {
    return as_float((as_bits(yes) & mask) | (as_bits(no) & ~mask));
}

/// rounded_up() for finite numbers to F16: below 2^-14 multiples of 2^-24, then 11 bits, and at last 65504 or infinity.
inline float up_to_f16(float value) {
    const std::uint32_t is_small = mask_below(magnitude_of(value), magnitude_of(0x1p-14F));
    const std::uint32_t is_large = mask_below(magnitude_of(65504.0F), magnitude_of(value));
    const float steps = as_float(as_bits(value) & is_small) * 0x1p24F;
    const auto down = static_cast<float>(static_cast<std::int32_t>(steps));
    const float one_more = as_float(sign_mask(down - steps) & as_bits(1.0F));
    const float end = chosen(sign_mask(value), -65504.0F, std::numeric_limits<float>::infinity());
    return chosen(is_small, (down + one_more) * 0x1p-24F, chosen(is_large, end, up_by_bits<13>(value)));
}

/// rounded_up() for finite numbers.
template <ScaleDtype kDtype>
inline float up(float value) {
    if constexpr (kDtype == ScaleDtype::kBF16) return up_by_bits<16>(value);
    if constexpr (kDtype == ScaleDtype::kF16) return up_to_f16(value);
    return value;
}

template <ScaleDtype kDtype>
inline void real_states(float largest, const BlockArrays& b, std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t i = first; i < last; ++i) {
        const float zero_point = -up<kDtype>(-(b.min[i] + 0.0F)) + 0.0F;
        b.zero_point[i] = zero_point;
        b.scale[i] = up<kDtype>((b.max[i] - zero_point) / largest) + 0.0F;
    }
}

/// More steps than any code has, few enough for nearest().
constexpr float kMostSteps = 0x1p20F;

/// The nearest whole number of 0 .. 2^22, ties to even.
inline float nearest(float value) {
    constexpr float kWholeFrom = 0x1.8p23F;
    return (value + kWholeFrom) - kWholeFrom;
}

template <ScaleDtype kDtype>
inline void integer_states(float largest, const BlockArrays& b, std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t i = first; i < last; ++i) {
        const float low = as_float(as_bits(b.min[i]) & sign_mask(b.min[i]));
        const float high = as_float(as_bits(b.max[i]) & ~sign_mask(b.max[i]));
        const float scale = up<kDtype>((high - low) / largest) + 0.0F;
        const float divisor = chosen(mask_below(magnitude_of(scale), 1), std::numeric_limits<float>::infinity(), scale);
        b.scale[i] = scale;
        const float limited = std::min(0.0F - low / divisor, kMostSteps);
        b.zero_point[i] = std::min(nearest(limited), largest) + 0.0F;
    }
}

template <ScaleDtype kDtype>
inline void symmetric_states(float largest, const BlockArrays& b, std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t i = first; i < last; ++i) {
        b.scale[i] = up<kDtype>(std::max(std::fabs(b.min[i]), std::fabs(b.max[i])) / largest);
        b.zero_point[i] = 0.0F;
    }
}

template <ScaleDtype kDtype>
inline void states(const Scheme& scheme, float largest, const BlockArrays& b, std::uint64_t first, std::uint64_t last) {
    if (scheme.symmetric) return symmetric_states<kDtype>(largest, b, first, last);
    if (scheme.zero_point == ZeroPoint::kInteger) return integer_states<kDtype>(largest, b, first, last);
    return real_states<kDtype>(largest, b, first, last);
}

void states_of_chunk(const Scheme& scheme, float largest, const BlockArrays& b, std::uint64_t first,
                     std::uint64_t last) {
    switch (scheme.scale_dtype) {
        case ScaleDtype::kF16:
            return states<ScaleDtype::kF16>(scheme, largest, b, first, last);
        case ScaleDtype::kBF16:
            return states<ScaleDtype::kBF16>(scheme, largest, b, first, last);
        default:
            return states<ScaleDtype::kF32>(scheme, largest, b, first, last);
    }
}

/// Never below block_bound(), and hardly above: the ulps of its slack are less than 2^-23 of their numbers, and what float32 arithmetic
/// loses here is less than the rest of the factors.
struct BoundEstimate {
    float largest;  ///< code
    float half;     ///< of a scale: what rounding to a code loses
    bool symmetric;
    bool integer;
    bool from_middle;

    float of(const BlockArrays& b, std::uint64_t i) const {
        const float scale = b.scale[i];
        const float zero = b.zero_point[i];
        const float reach = largest * scale;
        const float low_real = from_middle ? zero - (reach + scale) : zero;
        const float low_coded = integer ? -zero * scale : low_real;
        const float high_coded = integer ? (largest - zero) * scale : reach + zero;
        const float low = symmetric ? -reach : low_coded;
        const float high = symmetric ? reach : high_coded;
        const float beyond = std::max(low - b.min[i], b.max[i] - high);
        const float ends = std::max(std::fabs(low), std::fabs(high));
        const float magnitude = std::max(std::max(std::fabs(b.min[i]), std::fabs(b.max[i])), ends);
        return std::max(half * scale, beyond) * 1.000001F + (magnitude * 0x1p-19F + 0x1p-140F);
    }
};

}  // namespace

std::uint64_t block_states(const Scheme& scheme, const BlockArrays& blocks, std::uint64_t count) noexcept {
    const float largest = largest_code(scheme);
    for (std::uint64_t first = 0; first < count; first += kChunk) {
        const std::uint64_t last = std::min(first + kChunk, count);
        std::uint32_t empty = 0;
        for (std::uint64_t i = first; i < last; ++i) empty |= blocks.min[i] > blocks.max[i] ? 1U : 0U;
        if (empty == 0) {
            states_of_chunk(scheme, largest, blocks, first, last);
        } else {
            for (std::uint64_t i = first; i < last; ++i) {
                const BlockState state = block_state(scheme, {blocks.min[i], blocks.max[i], true});
                blocks.scale[i] = state.scale;
                blocks.zero_point[i] = state.zero_point;
            }
        }
        std::uint32_t infinite = 0;
        for (std::uint64_t i = first; i < last; ++i) infinite |= as_bits(blocks.scale[i]) >= 0x7F800000U ? 1U : 0U;
        if (infinite == 0) continue;
        while (std::isfinite(blocks.scale[first])) ++first;
        return first;
    }
    return count;
}

double largest_block_bound(const Scheme& scheme, const BlockArrays& blocks, std::uint64_t count,
                           Dtype source) noexcept {
    const kernels::BlockKind kind = block_kind(scheme);
    const BoundEstimate estimate = {largest_code(scheme), scheme.rounding == Rounding::kNearest ? 0.5F : 1.0F,
                                    kind == kernels::BlockKind::kSymmetric, kind == kernels::BlockKind::kInteger,
                                    kind == kernels::BlockKind::kMiddle};
    double largest = 0;
    for (std::uint64_t first = 0; first < count; first += kChunk) {
        const std::uint64_t last = std::min(first + kChunk, count);
        float estimates[kChunk];
        for (std::uint64_t i = first; i < last; ++i) estimates[i - first] = estimate.of(blocks, i);
        for (std::uint64_t i = first; i < last; ++i) {
            if (static_cast<double>(estimates[i - first]) < largest) continue;
            largest = std::max(largest, block_bound(scheme, {blocks.scale[i], blocks.zero_point[i]},
                                                    {blocks.min[i], blocks.max[i], true}, source));
        }
    }
    return largest;
}

LargestNumbers largest_numbers(const float* min, const float* max, const float* scale, std::uint64_t count) noexcept {
    // Numbers that are not negative compare as their bits do.
    std::int32_t magnitude = 0;
    std::int32_t largest_scale = 0;
    std::int32_t least_scale = 0x7F800000;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::int32_t used = min[i] > max[i] ? 0 : -1;
        const auto low = static_cast<std::int32_t>(as_bits(min[i]) & ~kSign);
        const auto high = static_cast<std::int32_t>(as_bits(max[i]) & ~kSign);
        magnitude = std::max(magnitude, std::max(low, high) & used);
        least_scale = std::min(least_scale, static_cast<std::int32_t>(as_bits(scale[i])));
        largest_scale = std::max(largest_scale, static_cast<std::int32_t>(as_bits(scale[i])) & used);
    }
    return {as_float(static_cast<std::uint32_t>(magnitude)), as_float(static_cast<std::uint32_t>(largest_scale)),
            as_float(static_cast<std::uint32_t>(least_scale))};
}

}  // namespace octet::quant
