// Q4_0: d (F16), then 16 bytes; byte j holds element j in its lower half and j + 16 in its upper
// half, as q + 8.
#pragma once

#include "kernels/ggml/symmetric_text.hpp"

namespace octet::kernels::ggml {
namespace {

inline constexpr SymmetricType<WholeCodes> kQ4_0 = {{-8.0F, 7.0F}, 17, -0.8F, 0.15F, 2};

/// The largest magnitude at -8; codes rounded half up.
struct PlainQ4_0 {
    float end = -8.0F;

    template <typename L, typename R = typename L::Register>
    static R code(R t) {
        return L::least(L::truncated(t + L::all(8.5F)), L::all(15.0F)) - L::all(8.0F);
    }
};

template <typename L>
bool encode_q4_0(const Blocks& blocks) {
    SymmetricBlocks sixteen;
    encode_symmetric<L>(blocks, kQ4_0, sixteen, PlainQ4_0{});
    Sixteen bytes[18];
    Sixteen codes[kElements];
    const bool representable = put_f16(sixteen.d, bytes);
    for (float& code : sixteen.codes) code += 8.0F;
    to_bytes(sixteen.codes, kElements, codes);
    put_halves(codes, codes + 16, 16, bytes + 2);
    put_blocks(bytes, blocks.blocks);
    return representable;
}

}  // namespace
}  // namespace octet::kernels::ggml
