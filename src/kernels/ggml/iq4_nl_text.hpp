// IQ4_NL: d (F16), then 16 bytes as of Q4_0; codes name the levels of a table.
#pragma once

#include "kernels/ggml/symmetric_text.hpp"

namespace octet::kernels::ggml {
namespace {

/// The 16 levels, as of quant/ggml/iq4_table.hpp. A value exactly between two takes the lower one.
struct LevelCodes {
    static constexpr float kLevels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                          1,    13,   25,  38,  53,  69,  89,  113};
    float least = kLevels[0];
    float most = kLevels[15];

    template <typename L, typename R = typename L::Register>
    R nearest(R t) const {
        R level = L::all(kLevels[0]);
        for (std::size_t i = 1; i < 16; ++i) {
            const R middle = L::all((kLevels[i - 1] + kLevels[i]) * 0.5F);
            level = L::pick(L::less(middle, t), L::all(kLevels[i]), level);
        }
        return level;
    }

    template <typename L, typename R = typename L::Register>
    R nearest_inside(R t) const {
        return nearest<L>(t);
    }
};

inline constexpr SymmetricType<LevelCodes> kIQ4_NL = {{}, 17, -12.0F, 2.5F, 2};

/// The largest magnitude at the lowest level.
struct PlainIQ4_NL {
    float end = LevelCodes::kLevels[0];

    template <typename L, typename R = typename L::Register>
    static R code(R t) {
        return LevelCodes().nearest<L>(t);
    }
};

/// The number of a level.
inline unsigned char number_of_level(float level) {
    unsigned number = 0;
    for (std::size_t i = 1; i < 16; ++i) number += level >= LevelCodes::kLevels[i] ? 1U : 0U;
    return static_cast<unsigned char>(number);
}

template <typename L>
bool encode_iq4_nl(const Blocks& blocks) {
    SymmetricBlocks sixteen;
    encode_symmetric<L>(blocks, kIQ4_NL, sixteen, PlainIQ4_NL{});
    Sixteen bytes[18];
    Sixteen codes[kElements];
    const bool representable = put_f16(sixteen.d, bytes);
    for (std::size_t i = 0; i < kElements; ++i) {
        for (std::size_t lane = 0; lane < kRows; ++lane)
            codes[i][lane] = number_of_level(sixteen.codes[i * kRows + lane]);
    }
    put_halves(codes, codes + 16, 16, bytes + 2);
    put_blocks(bytes, blocks.blocks);
    return representable;
}

}  // namespace
}  // namespace octet::kernels::ggml
