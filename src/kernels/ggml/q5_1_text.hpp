// Q5_1: d and m (F16), 32 high bits, then 16 bytes as of Q4_0 with codes from 0.
#pragma once

#include "kernels/ggml/offset_text.hpp"

namespace octet::kernels::ggml {
namespace {

inline constexpr OffsetType kQ5_1 = {{32, 31.0F}, {21, -1.0F, 0.1F}, 2};

template <typename L>
bool encode_q5_1(const Blocks& blocks) {
    OffsetBlocks sixteen;
    encode_offset<L>(blocks, kQ5_1, sixteen);
    Sixteen bytes[24];
    Sixteen codes[32];
    const bool has_d = put_f16(sixteen.d, bytes);
    const bool has_m = put_f16(sixteen.m, bytes + 2);
    to_bytes(sixteen.codes, 32, codes);
    put_high_bits(codes, bytes + 4);
    put_halves(codes, codes + 16, 16, bytes + 8);
    put_blocks(bytes, blocks.blocks);
    return has_d && has_m;
}

}  // namespace
}  // namespace octet::kernels::ggml
