// Q6_K: low halves of codes, bits 4 and 5, 16 signed scales, d (quant/ggml/q6_k.cpp).
#pragma once

#include "kernels/ggml/k_symmetric_text.hpp"

namespace octet::kernels::ggml {
namespace {

inline constexpr KSymmetricType kQ6_K = {{-32.0F, 31.0F}, -128.0F, 127.0F, 13,
                                         -0.8F,           0.4F,    3,      {4, 3, 3}};

template <typename L>
bool encode_q6_k(const Blocks& blocks) {
    KSymmetricBlocks sixteen;
    encode_k_symmetric<L, kQ6_K>(blocks, sixteen);
    Sixteen bytes[210];
    Sixteen codes[256];
    const bool has_d = put_f16(sixteen.d, bytes + 208);
    for (float& code : sixteen.codes) code += 32.0F;
    to_bytes(sixteen.scales, 16, bytes + 192);
    to_bytes(sixteen.codes, 256, codes);
    for (std::size_t half = 0; half < 2; ++half) {
        put_halves(codes + 128 * half, codes + 128 * half + 64, 64, bytes + 64 * half);
    }
    put_pairs_of_bits(codes, 4, bytes + 128);
    put_blocks(bytes, blocks.blocks);
    return has_d;
}

}  // namespace
}  // namespace octet::kernels::ggml
