// Q2_K: 16 bytes of scales and minima, 64 bytes of codes, d and dmin (quant/ggml/q2_k.cpp).
#pragma once

#include "kernels/ggml/k_affine_text.hpp"

namespace octet::kernels::ggml {
namespace {

inline constexpr KAffineType kQ2_K = {16, {16, 3.0F}, 15.0F, {15, -1.2F, 0.15F}, 3, {2, 1, 1}};

template <typename L>
bool encode_q2_k(const Blocks& blocks) {
    KAffineBlocks sixteen;
    encode_k_affine<L, kQ2_K>(blocks, sixteen);
    Sixteen bytes[84];
    Sixteen scales[16];
    Sixteen minima[16];
    Sixteen codes[256];
    const bool has_d = put_f16(sixteen.d, bytes + 80);
    const bool has_dmin = put_f16(sixteen.dmin, bytes + 82);
    to_bytes(sixteen.scales, 16, scales);
    to_bytes(sixteen.minima, 16, minima);
    to_bytes(sixteen.codes, 256, codes);
    put_halves(scales, minima, 16, bytes);
    put_pairs_of_bits(codes, 0, bytes + 16);
    put_blocks(bytes, blocks.blocks);
    return has_d && has_dmin;
}

}  // namespace
}  // namespace octet::kernels::ggml
