// Products of the tokens of a short prompt with rows of codes, which are read and converted once for all of them. Included by product_text.hpp
// alone.
#pragma once

#include <xsimd/xsimd.hpp>

#include "kernels/products.hpp"
#include "kernels/weight_rows.hpp"

/// Four turns of the loop that follows at a time.
#if defined(__clang__)
#define OCTET_UNROLL_4 _Pragma("unroll 4")
#else
#define OCTET_UNROLL_4 _Pragma("GCC unroll 4")
#endif

namespace octet::kernels {
namespace {

/// kTokens tokens and columns from `c` on as long as kBlocks x 16 are left, whose new sums are in registers; returns where it ends.
template <std::size_t kTokens, std::size_t kBlocks, typename Rows>
inline std::size_t add_rows_of_blocks(const unsigned char* weights, std::size_t pitch, std::size_t rows,
                                      std::size_t ahead, const Tokens& tokens, std::size_t c, std::size_t columns) {
    constexpr std::size_t kRegisters = kBlocks * kParts;
    constexpr std::size_t kBytes = kBlocks * kLanes * Rows::kBitsEach / 8;
    const float* const x = tokens.x;
    const std::size_t x_pitch = tokens.x_pitch;
    for (; c + kBlocks * kLanes <= columns; c += kBlocks * kLanes) {
        const std::size_t first_byte = c / 8 * Rows::kBitsEach;
        const bool begins_line = first_byte % 64 < kBytes;
        Floats sums[kTokens][kRegisters];
        for (std::size_t t = 0; t < kTokens; ++t) {
            for (Floats& sum : sums[t]) sum = Floats(tokens.starts == nullptr ? 0.0F : tokens.starts[t]);
        }
        OCTET_UNROLL_4
        for (std::size_t r = 0; r < rows; ++r) {
            const unsigned char* const row = weights + r * pitch;
            if (begins_line) __builtin_prefetch(row + ahead * pitch + first_byte);
            Floats w[kBlocks][kParts];
            for (std::size_t block = 0; block < kBlocks; ++block) Rows::load_16(row, c + block * kLanes, w[block]);
            for (std::size_t t = 0; t < kTokens; ++t) {
                const Floats factor(x[t * x_pitch + r]);
                for (std::size_t j = 0; j < kRegisters; ++j)
                    sums[t][j] = fused(factor, w[j / kParts][j % kParts], sums[t][j]);
            }
        }
        Floats scales[kRegisters];
        for (std::size_t j = 0; tokens.scales != nullptr && j < kRegisters; ++j)
            scales[j] = Floats::load_unaligned(tokens.scales + c + j * kWidth);
        for (std::size_t t = 0; t < kTokens; ++t) {
            float* const y = tokens.y + t * tokens.y_pitch + c;
            for (std::size_t j = 0; j < kRegisters; ++j) {
                const Floats before = Floats::load_unaligned(y + j * kWidth);
                const Floats after =
                    tokens.scales == nullptr ? before + sums[t][j] : fused(scales[j], sums[t][j], before);
                after.store_unaligned(y + j * kWidth);
            }
        }
    }
    return c;
}

/// kTokens tokens; each takes the steps that add_rows() makes it take.
template <std::size_t kTokens, typename Rows>
inline void add_rows_of_some_tokens(const unsigned char* weights, std::size_t pitch, std::size_t rows,
                                    std::size_t ahead, const Tokens& tokens, std::size_t columns) {
    constexpr std::size_t kMost = kParts == 1 ? 2 : 1;  // 16 of 32 registers, or 8 of 16
    std::size_t c = add_rows_of_blocks<kTokens, kMost, Rows>(weights, pitch, rows, ahead, tokens, 0, columns);
    if constexpr (kMost > 1) c = add_rows_of_blocks<kTokens, 1, Rows>(weights, pitch, rows, ahead, tokens, c, columns);
    for (; c < columns; ++c) {
        for (std::size_t t = 0; t < kTokens; ++t) {
            float sum = tokens.starts == nullptr ? 0.0F : tokens.starts[t];
            for (std::size_t r = 0; r < rows; ++r)
                sum = fused(tokens.x[t * tokens.x_pitch + r], Rows::one(weights + r * pitch, c), sum);
            float& y = tokens.y[t * tokens.y_pitch + c];
            y = tokens.scales == nullptr ? y + sum : fused(tokens.scales[c], sum, y);
        }
    }
}

void add_rows_of_tokens(const Codes& codes, std::size_t pitch, std::size_t rows, std::size_t ahead,
                        const Tokens& tokens, std::size_t columns) {
    constexpr std::size_t kMost = kParts == 1 ? 8 : kParts == 2 ? 4 : 2;
    with_rows(codes, [&](auto kind) {
        using Rows = decltype(kind);
        Tokens left = tokens;
        const auto add = [&](auto some) {
            constexpr std::size_t kSome = decltype(some)::value;
            for (; left.count >= kSome; left.count -= kSome) {
                add_rows_of_some_tokens<kSome, Rows>(codes.bytes, pitch, rows, ahead, left, columns);
                left.x += kSome * left.x_pitch;
                left.y += kSome * left.y_pitch;
                if (left.starts != nullptr) left.starts += kSome;
            }
        };
        add(std::integral_constant<std::size_t, kMost>());
        if constexpr (kMost > 4) add(std::integral_constant<std::size_t, 4>());
        if constexpr (kMost > 2) add(std::integral_constant<std::size_t, 2>());
        add(std::integral_constant<std::size_t, 1>());
    });
}

}  // namespace
}  // namespace octet::kernels
