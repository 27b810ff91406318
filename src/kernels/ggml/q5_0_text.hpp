// Q5_0: d (F16), 32 high bits, then 16 bytes as of Q4_0, as q + 16.
#pragma once

#include "kernels/ggml/symmetric_text.hpp"

namespace octet::kernels::ggml {
namespace {

inline constexpr SymmetricType<WholeCodes> kQ5_0 = {{-16.0F, 15.0F}, 17, -0.75F, 0.2F, 2};

/// The largest magnitude at -16; codes rounded half up.
struct PlainQ5_0 {
    float end = -16.0F;

    template <typename L, typename R = typename L::Register>
    static R code(R t) {
        return L::least(L::truncated(t + L::all(16.5F)), L::all(31.0F)) - L::all(16.0F);
    }
};

template <typename L>
bool encode_q5_0(const Blocks& blocks) {
    SymmetricBlocks sixteen;
    encode_symmetric<L>(blocks, kQ5_0, sixteen, PlainQ5_0{});
    Sixteen bytes[22];
    Sixteen codes[kElements];
    const bool representable = put_f16(sixteen.d, bytes);
    for (float& code : sixteen.codes) code += 16.0F;
    to_bytes(sixteen.codes, kElements, codes);
    put_high_bits(codes, bytes + 2);
    put_halves(codes, codes + 16, 16, bytes + 6);
    put_blocks(bytes, blocks.blocks);
    return representable;
}

}  // namespace
}  // namespace octet::kernels::ggml
