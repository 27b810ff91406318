// Q8_0: d (F16), then 32 signed bytes; llama.cpp never writes -128, which not all of its back ends
// need handle, so neither does octet.
#pragma once

#include "kernels/ggml/symmetric_text.hpp"

namespace octet::kernels::ggml {
namespace {

inline constexpr SymmetricType<WholeCodes> kQ8_0 = {{-127.0F, 127.0F}, 40, -0.75F, 0.25F, 2};

/// llama-quantize's own block, lanes along the row: d = amax / 127, and codes by roundf(), half
/// away from 0: what lies just below a half is added before the fraction is cut off. Returns false
/// where d is infinite.
template <typename L>
inline bool plain_q8_0(const float* x, unsigned char* block) {
    using R = typename L::Register;
    constexpr std::size_t kParts = kElements / L::kCount;
    R parts[kParts];
    R largest = L::all(0.0F);
    for (std::size_t i = 0; i < kParts; ++i) {
        parts[i] = L::load(x + i * L::kCount);
        largest = L::largest(largest, L::magnitude(parts[i]));
    }
    const float d = L::largest_lane(largest) / 127.0F;
    const R inverse = L::all(d > 0x1p-126F ? 1.0F / d : 0.0F);
    for (R& part : parts) {
        const R t = part * inverse;
        const R half =
            L::pick(L::less(t, L::all(0.0F)), L::all(-0x1.FFFFFEp-2F), L::all(0x1.FFFFFEp-2F));
        part = t + half;
    }
    const std::uint16_t stored = f32_to_f16(d);
    std::memcpy(block, &stored, sizeof(stored));
    L::store_truncated(parts, block + 2);
    return (stored & 0x7C00U) != 0x7C00U;
}

inline bool searched_q8_0(const SymmetricBlocks& sixteen, unsigned char* const* blocks) {
    Sixteen bytes[34];
    const bool representable = put_f16(sixteen.d, bytes);
    to_bytes(sixteen.codes, kElements, bytes + 2);
    put_blocks(bytes, blocks);
    return representable;
}

template <typename L>
bool encode_q8_0(const Blocks& blocks) {
    if (!blocks.search) {
        bool representable = true;
        for (std::size_t row = 0; row < kRows; ++row) {
            representable = plain_q8_0<L>(blocks.rows[row], blocks.blocks[row]) && representable;
        }
        return representable;
    }
    SymmetricBlocks sixteen;
    encode_symmetric<L>(blocks, kQ8_0, sixteen, NoPlain{});
    return searched_q8_0(sixteen, blocks.blocks);
}

}  // namespace
}  // namespace octet::kernels::ggml
