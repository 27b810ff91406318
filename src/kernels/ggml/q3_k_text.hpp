// Q3_K: high bits, 64 bytes of codes, 16 scales of 6 bits in 12 bytes, d (quant/ggml/q3_k.cpp).
#pragma once

#include "kernels/ggml/k_symmetric_text.hpp"

namespace octet::kernels::ggml {
namespace {

inline constexpr KSymmetricType kQ3_K = {{-4.0F, 3.0F}, -32.0F, 31.0F, 9,
                                         -0.8F,         0.4F,   3,     {3, 3, 3}};

/// Low halves of 0 .. 7 and 8 .. 15 share bytes 0 .. 7; bits 4 and 5 lie in bytes 8 .. 11.
inline void put_q3_scales(const Sixteen* scales, Sixteen* bytes) {
    put_halves(scales, scales + 8, 8, bytes);
    for (std::size_t s = 0; s < 4; ++s) {
        for (std::size_t lane = 0; lane < kRows; ++lane) {
            unsigned byte = 0;
            for (std::size_t k = 0; k < 4; ++k)
                byte |= static_cast<unsigned>(scales[s + 4 * k][lane]) >> 4U << (2 * k);
            bytes[8 + s][lane] = static_cast<unsigned char>(byte);
        }
    }
}

template <typename L>
bool encode_q3_k(const Blocks& blocks) {
    KSymmetricBlocks sixteen;
    encode_k_symmetric<L, kQ3_K>(blocks, sixteen);
    Sixteen bytes[110];
    Sixteen scales[16];
    Sixteen codes[256];
    const bool has_d = put_f16(sixteen.d, bytes + 108);
    for (float& code : sixteen.codes) code += 4.0F;
    for (float& scale : sixteen.scales) scale += 32.0F;
    to_bytes(sixteen.scales, 16, scales);
    to_bytes(sixteen.codes, 256, codes);
    put_bits(codes, 32, 8, 2, bytes);
    put_pairs_of_bits(codes, 0, bytes + 32);
    put_q3_scales(scales, bytes + 96);
    put_blocks(bytes, blocks.blocks);
    return has_d;
}

}  // namespace
}  // namespace octet::kernels::ggml
