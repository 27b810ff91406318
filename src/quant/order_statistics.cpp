// Floats are counted by the upper 16 bits of a key that orders as they do; a second pass counts the
// lower 16 bits within one upper half.
#include "quant/order_statistics.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace octet::quant {
namespace {

constexpr std::uint32_t kSign = 0x80000000U;

/// Ascending as the values do; -0 comes before 0.
std::uint32_t key_of(float value, bool magnitude) {
    const auto bits = std::bit_cast<std::uint32_t>(magnitude ? std::fabs(value) : value);
    const std::uint32_t all_if_negative = 0U - (bits >> 31U);
    return bits ^ (all_if_negative | kSign);
}

}  // namespace

PercentilePlaces percentile_places(const Scheme& scheme, std::uint64_t count) noexcept {
    constexpr std::uint64_t kPpm = 1'000'000;
    const std::uint64_t part = kPpm - scheme.percentile_ppm;
    // floor(count * part / kPpm), which could overflow.
    const std::uint64_t outside = count / kPpm * part + count % kPpm * part / kPpm;
    if (scheme.symmetric) return {count - 1 - outside, count - 1 - outside};
    return {outside / 2, count - 1 - outside / 2};
}

kernels::Range percentile_range(const Scheme& scheme, float low, float high) noexcept {
    return scheme.symmetric ? kernels::Range{-high, high, true} : kernels::Range{low, high, true};
}

void count_upper_halves(std::span<const float> values, bool magnitudes,
                        std::uint32_t* counts) noexcept {
    for (const float value : values) ++counts[key_of(value, magnitudes) >> 16U];
}

void count_lower_halves(std::span<const float> values, bool magnitudes, std::uint32_t upper,
                        std::uint32_t* counts) noexcept {
    for (const float value : values) {
        const std::uint32_t key = key_of(value, magnitudes);
        if (key >> 16U == upper) ++counts[key & (kHalfKeys - 1)];
    }
}

bool has_infinite_keys(std::span<const std::uint64_t> upper) noexcept {
    constexpr std::size_t kInfinite =
        0x80;  // upper halves with the largest exponent, at either end
    const auto any = [](std::span<const std::uint64_t> counts) {
        return std::any_of(counts.begin(), counts.end(),
                           [](std::uint64_t count) { return count > 0; });
    };
    return any(upper.first(kInfinite)) || any(upper.last(kInfinite));
}

HalfKey find_half_key(std::span<const std::uint64_t> counts, std::uint64_t place) noexcept {
    HalfKey found;
    while (found.half + 1 < counts.size() && found.before + counts[found.half] <= place) {
        found.before += counts[found.half];
        ++found.half;
    }
    return found;
}

float value_of_key(std::uint32_t upper, std::uint32_t lower) noexcept {
    const std::uint32_t key = upper << 16U | lower;
    return std::bit_cast<float>((key & kSign) != 0 ? key & ~kSign : ~key);
}

}  // namespace octet::quant
