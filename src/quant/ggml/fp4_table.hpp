// Twice the values of floats of 4 bits (1 sign, 2 exponent, 1 mantissa): ggml's kvalues_fp4.
#pragma once

namespace octet::ggml {

inline constexpr float kFp4Table[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

}  // namespace octet::ggml
