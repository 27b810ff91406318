// The 8 scales and 8 minima of 6 bits in the 12 bytes of Q4_K and Q5_K. Of runs 0 .. 3 they lie in
// the low 6 bits of bytes 0 .. 3 and 4 .. 7; of runs 4 .. 7 their low halves share bytes 8 .. 11,
// and the upper two bits are those that the first ones leave.
#pragma once

#include "quant/ggml/loads.hpp"

namespace octet::ggml {

inline float k_scale(const std::byte* scales, std::size_t run) {
    if (run < 4) return static_cast<float>(byte_at(scales, run) & 63U);
    return static_cast<float>((byte_at(scales, run + 4) & 15U) |
                              byte_at(scales, run - 4) >> 6U << 4U);
}

inline float k_minimum(const std::byte* scales, std::size_t run) {
    if (run < 4) return static_cast<float>(byte_at(scales, run + 4) & 63U);
    return static_cast<float>(byte_at(scales, run + 4) >> 4U | byte_at(scales, run) >> 6U << 4U);
}

}  // namespace octet::ggml
