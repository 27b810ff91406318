// Floats of 8 and 4 bits as float32, exactly: OCP E4M3, E5M2, E2M1, the FNUZ kinds, and E8M0, a
// power of two. Pure.
#pragma once

#include <array>
#include <cstdint>

#include "octet/dtype.hpp"

namespace octet::came_quantized {

using F8Table = std::array<float, 256>;

/// F8_E4M3, F8_E5M2, F8_E4M3FNUZ, F8_E5M2FNUZ.
bool is_f8(Dtype dtype) noexcept;

/// The value of every code of such a dtype; those that are no number are NaN, infinities of E5M2
/// infinite.
const F8Table& f8_table(Dtype dtype) noexcept;

/// 2^(code - 127); 255 is NaN.
float e8m0_value(std::uint8_t code) noexcept;

/// The values of E2M1's codes: sign, two bits of exponent, one of mantissa.
inline constexpr std::array<float, 16> kE2M1 = {0.0F,  0.5F,  1.0F,  1.5F,  2.0F,  3.0F,
                                                4.0F,  6.0F,  -0.0F, -0.5F, -1.0F, -1.5F,
                                                -2.0F, -3.0F, -4.0F, -6.0F};

}  // namespace octet::came_quantized
