// Q8_0: d (F16), then 32 signed bytes; llama.cpp never writes -128, which not all of its back ends
// need handle, so neither does octet.
#pragma once

#include "kernels/ggml/symmetric_text.hpp"

namespace octet::kernels::ggml {
namespace {

inline constexpr SymmetricType<WholeCodes> kQ8_0 = {{-127.0F, 127.0F}, 40, -0.75F, 0.25F, 2};

/// amax / 127, and roundf(): half away from 0.
struct PlainQ8_0 {
    float end = 127.0F;

    template <typename L, typename R = typename L::Register>
    static R code(R t) {
        const R whole = L::truncated(t);
        const R one = L::pick(L::less(t, L::all(0.0F)), L::all(-1.0F), L::all(1.0F));
        return L::pick(L::less(L::magnitude(t - whole), L::all(0.5F)), whole, whole + one);
    }
};

template <typename L>
bool encode_q8_0(const Blocks& blocks) {
    SymmetricBlocks sixteen;
    encode_symmetric<L>(blocks, kQ8_0, sixteen, PlainQ8_0{});
    Sixteen bytes[34];
    const bool representable = put_f16(sixteen.d, bytes);
    to_bytes(sixteen.codes, kElements, bytes + 2);
    put_blocks(bytes, blocks.blocks);
    return representable;
}

}  // namespace
}  // namespace octet::kernels::ggml
