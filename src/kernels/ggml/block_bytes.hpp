// The bytes of 16 blocks as they are put together: byte b of all blocks side by side, then each
// block on its own.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/ggml/blocks.hpp"
#include "kernels/scalar_text.hpp"

namespace octet::kernels::ggml {
namespace {

using Sixteen = unsigned char[kRows];

/// Whole numbers from 0 to 255, or from -128 in two's complement, of floats [count][16].
inline void to_bytes(const float* codes, std::size_t count, Sixteen* bytes) {
    for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t lane = 0; lane < kRows; ++lane)
            bytes[i][lane] =
                static_cast<unsigned char>(static_cast<std::int32_t>(codes[i * kRows + lane]));
    }
}

/// Two bytes of F16. Returns false where one is infinite.
inline bool put_f16(const float* numbers, Sixteen* bytes) {
    unsigned infinite = 0;
    for (std::size_t lane = 0; lane < kRows; ++lane) {
        const unsigned half = f32_to_f16(numbers[lane]);
        bytes[0][lane] = static_cast<unsigned char>(half & 0xFFU);
        bytes[1][lane] = static_cast<unsigned char>(half >> 8U);
        infinite |= (half & 0x7C00U) == 0x7C00U ? 1U : 0U;
    }
    return infinite == 0;
}

/// Low halves from `low`, high halves from `high`.
inline void put_halves(const Sixteen* low, const Sixteen* high, std::size_t count, Sixteen* bytes) {
    for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t lane = 0; lane < kRows; ++lane)
            bytes[i][lane] =
                static_cast<unsigned char>((low[i][lane] & 15U) | (high[i][lane] & 15U) << 4U);
    }
}

/// Bit `bit` of `planes` times `count` codes: plane p of code i to bit p of byte i.
inline void put_bits(const Sixteen* codes, std::size_t count, std::size_t planes, unsigned bit,
                     Sixteen* bytes) {
    for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t lane = 0; lane < kRows; ++lane) {
            unsigned byte = 0;
            for (std::size_t p = 0; p < planes; ++p)
                byte |= (codes[p * count + i][lane] >> bit & 1U) << p;
            bytes[i][lane] = static_cast<unsigned char>(byte);
        }
    }
}

/// Bits 4 of 32 codes, those of 8 in a byte.
inline void put_high_bits(const Sixteen* codes, Sixteen* bytes) {
    for (std::size_t i = 0; i < 4; ++i) {
        for (std::size_t lane = 0; lane < kRows; ++lane) {
            unsigned byte = 0;
            for (std::size_t k = 0; k < 8; ++k) byte |= (codes[8 * i + k][lane] >> 4U & 1U) << k;
            bytes[i][lane] = static_cast<unsigned char>(byte);
        }
    }
}

/// Bits `bit` and `bit` + 1 of 256 codes as Q2_K, Q3_K and Q6_K have them: those of element 128 h +
/// 32 j + l to bits 2 j of byte 32 h + l.
inline void put_pairs_of_bits(const Sixteen* codes, unsigned bit, Sixteen* bytes) {
    for (std::size_t half = 0; half < 2; ++half) {
        for (std::size_t l = 0; l < 32; ++l) {
            const Sixteen* const from = codes + 128 * half + l;
            for (std::size_t lane = 0; lane < kRows; ++lane) {
                unsigned byte = 0;
                for (std::size_t j = 0; j < 4; ++j)
                    byte |= (from[32 * j][lane] >> bit & 3U) << (2 * j);
                bytes[32 * half + l][lane] = static_cast<unsigned char>(byte);
            }
        }
    }
}

/// Writes the blocks.
template <std::size_t kBytes>
inline void put_blocks(const Sixteen (&bytes)[kBytes], unsigned char* const* blocks) {
    for (std::size_t lane = 0; lane < kRows; ++lane) {
        for (std::size_t i = 0; i < kBytes; ++i) blocks[lane][i] = bytes[i][lane];
    }
}

}  // namespace
}  // namespace octet::kernels::ggml
