// Q5_K: as Q4_K, with 32 bytes of high bits before the codes (quant/ggml/q5_k.cpp).
#pragma once

#include "kernels/ggml/k_affine_text.hpp"

namespace octet::kernels::ggml {
namespace {

inline constexpr KAffineType kQ5_K = {8, {32, 31.0F}, 63.0F, {15, -1.2F, 0.15F}, 2, {2, 1}};

template <typename L>
bool encode_q5_k(const Blocks& blocks) {
    KAffineBlocks sixteen;
    encode_k_affine<L, kQ5_K>(blocks, sixteen);
    Sixteen bytes[176];
    Sixteen scales[8];
    Sixteen minima[8];
    Sixteen codes[256];
    const bool has_d = put_f16(sixteen.d, bytes);
    const bool has_dmin = put_f16(sixteen.dmin, bytes + 2);
    to_bytes(sixteen.scales, 8, scales);
    to_bytes(sixteen.minima, 8, minima);
    to_bytes(sixteen.codes, 256, codes);
    put_k_scales(scales, minima, bytes + 4);
    put_bits(codes, 32, 8, 4, bytes + 16);
    for (std::size_t pair = 0; pair < 4; ++pair) {
        put_halves(codes + 64 * pair, codes + 64 * pair + 32, 32, bytes + 48 + 32 * pair);
    }
    put_blocks(bytes, blocks.blocks);
    return has_d && has_dmin;
}

}  // namespace
}  // namespace octet::kernels::ggml
