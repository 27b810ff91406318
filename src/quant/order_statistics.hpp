// The exact n-th smallest of any number of values in two passes over them: float32 numbers compare
// as the integers that their bits make, so counting first the upper halves of those and then, in
// one upper half, the lower ones finds the value itself. Counts are whole numbers: the order in
// which values are counted changes nothing.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "kernels/kernels.hpp"
#include "octet/scheme.hpp"

namespace octet::quant {

/// Halves that a key has.
inline constexpr std::uint32_t kHalfKeys = 1U << 16U;

/// Where in ascending order the ends of a percentile range stand: 0 .. count - 1. Of symmetric
/// schemes both are the place among magnitudes.
struct PercentilePlaces {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
};

PercentilePlaces percentile_places(const Scheme& scheme, std::uint64_t count) noexcept;

/// The range of the values at these places; of symmetric schemes the largest magnitude on both
/// sides.
kernels::Range percentile_range(const Scheme& scheme, float low, float high) noexcept;

/// Adds the upper halves of the keys of values, or of their magnitudes, to kHalfKeys counts.
void count_upper_halves(std::span<const float> values, bool magnitudes,
                        std::uint32_t* counts) noexcept;

/// Adds the lower halves of the keys that have that upper half.
void count_lower_halves(std::span<const float> values, bool magnitudes, std::uint32_t upper,
                        std::uint32_t* counts) noexcept;

/// True if these counts of upper halves hold infinities or what is no number.
bool has_infinite_keys(std::span<const std::uint64_t> upper) noexcept;

/// Which half key has the value at that place, and how many values are in those before.
struct HalfKey {
    std::uint32_t half = 0;
    std::uint64_t before = 0;
};

HalfKey find_half_key(std::span<const std::uint64_t> counts, std::uint64_t place) noexcept;

/// The value of a key.
float value_of_key(std::uint32_t upper, std::uint32_t lower) noexcept;

}  // namespace octet::quant
