// Of the IQ types: the grids from which an index takes 8 or 4 elements at once, and their levels.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace octet::ggml {

/// Entries of 8 levels of 2 bits each.
extern const std::uint16_t kGridIQ2_XXS[256];
extern const std::uint16_t kGridIQ2_XS[512];
extern const std::uint16_t kGridIQ2_S[1024];
extern const std::uint16_t kGridIQ1_S[2048];  ///< also of IQ1_M

/// Entries of 4 levels of 3 bits each.
extern const std::uint16_t kGridIQ3_XXS[256];
extern const std::uint16_t kGridIQ3_S[512];

inline constexpr float kLevelsIQ1[4] = {-1, 0, 1, 0};
inline constexpr float kLevelsIQ2[4] = {8, 25, 43, 0};
inline constexpr float kLevelsIQ3_XXS[8] = {4, 12, 20, 28, 36, 44, 52, 62};
inline constexpr float kLevelsIQ3_S[8] = {1, 3, 5, 7, 9, 11, 13, 15};

/// Signs of 8 elements in 7 bits: the eighth makes their number even.
inline std::uint32_t even_signs(std::uint32_t seven) {
    return seven | (static_cast<std::uint32_t>(std::popcount(seven)) & 1U) << 7U;
}

/// 8 elements of an entry of 2-bit levels, bit j of `signs` set where element j is negative.
inline void put_eight(std::uint16_t entry, std::uint32_t signs, float step, float* values) {
    for (std::size_t j = 0; j < 8; ++j) {
        const float magnitude = step * kLevelsIQ2[entry >> (2 * j) & 3U];
        values[j] = (signs >> j & 1U) != 0U ? -magnitude : magnitude;
    }
}

/// The same for 4 elements of an entry of 3-bit levels.
inline void put_four(std::uint16_t entry, const float (&levels)[8], std::uint32_t signs, float step,
                     float* values) {
    for (std::size_t j = 0; j < 4; ++j) {
        const float magnitude = step * levels[entry >> (3 * j) & 7U];
        values[j] = (signs >> j & 1U) != 0U ? -magnitude : magnitude;
    }
}

}  // namespace octet::ggml
