// Q4_K: d and dmin (F16), 12 bytes of scales and minima, 128 bytes of codes (quant/ggml/q4_k.cpp).
#pragma once

#include "kernels/ggml/k_affine_text.hpp"

namespace octet::kernels::ggml {
namespace {

inline constexpr KAffineType kQ4_K = {8, {32, 15.0F}, 63.0F, {15, -1.2F, 0.15F}, 2, {2, 1}};

template <typename L>
bool encode_q4_k(const Blocks& blocks) {
    KAffineBlocks sixteen;
    encode_k_affine<L, kQ4_K>(blocks, sixteen);
    Sixteen bytes[144];
    Sixteen scales[8];
    Sixteen minima[8];
    Sixteen codes[256];
    const bool has_d = put_f16(sixteen.d, bytes);
    const bool has_dmin = put_f16(sixteen.dmin, bytes + 2);
    to_bytes(sixteen.scales, 8, scales);
    to_bytes(sixteen.minima, 8, minima);
    to_bytes(sixteen.codes, 256, codes);
    put_k_scales(scales, minima, bytes + 4);
    for (std::size_t pair = 0; pair < 4; ++pair) {
        put_halves(codes + 64 * pair, codes + 64 * pair + 32, 32, bytes + 16 + 32 * pair);
    }
    put_blocks(bytes, blocks.blocks);
    return has_d && has_dmin;
}

}  // namespace
}  // namespace octet::kernels::ggml
