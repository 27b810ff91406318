// The loops of products.hpp on xsimd batches, 16 lanes at a time. Included once by each instruction-set file, which defines `Arch`
// first; everything is in an anonymous namespace (see scalar_text.hpp).
#pragma once

#include <xsimd/xsimd.hpp>

#include "kernels/products.hpp"
#include "kernels/scalar_text.hpp"
#include "kernels/simd_registers.hpp"

namespace octet::kernels {
namespace {

using Floats = xsimd::batch<float, Arch>;
using Ints = xsimd::batch<std::int32_t, Arch>;

constexpr std::size_t kWidth = Floats::size;
constexpr std::size_t kParts = kLanes / kWidth;
static_assert(kLanes % kWidth == 0, "registers must divide the 16 virtual lanes");

/// x * y + z: one rounding where the instruction set has it. (xsimd 8.1 has none for AVX-512.)
inline Floats fused(const Floats& x, const Floats& y, const Floats& z) {
#if defined(OCTET_ARCH_AVX512)
    return Floats(_mm512_fmadd_ps(x, y, z));
#elif defined(OCTET_ARCH_AVX2)
    return Floats(_mm256_fmadd_ps(x, y, z));
#elif defined(OCTET_ARCH_SSE2)
    return x * y + z;
#else
    return xsimd::fma(x, y, z);
#endif
}

/// The same of one element, so that a tail is rounded as the lanes are.
inline float fused(float x, float y, float z) {
#if defined(OCTET_ARCH_SSE2)
    const float product = x * y;
    return product + z;
#else
    return __builtin_fmaf(x, y, z);
#endif
}

inline void load_signed(const std::int8_t* codes, Ints (&code)[kParts]) {
#if defined(OCTET_ARCH_AVX512)
    code[0] = Ints(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes))));
#elif defined(OCTET_ARCH_AVX2)
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes));
    code[0] = Ints(_mm256_cvtepi8_epi32(bytes));
    code[1] = Ints(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)));
#else
    alignas(64) std::int32_t staged[kLanes];
    for (std::size_t i = 0; i < kLanes; ++i) staged[i] = codes[i];
    for (std::size_t part = 0; part < kParts; ++part) code[part] = Ints::load_aligned(staged + part * kWidth);
#endif
}

/// 16 weights as floats.
inline void load_weights(const float* weights, Floats (&x)[kParts]) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(weights);
    for (std::size_t part = 0; part < kParts; ++part)
        x[part] = Floats::load_unaligned(reinterpret_cast<const float*>(bytes + part * kWidth * sizeof(float)));
}

inline void load_weights(const std::uint8_t* weights, Floats (&x)[kParts]) {
    Ints code[kParts];
    load_codes(weights, code);
    for (std::size_t part = 0; part < kParts; ++part) x[part] = xsimd::to_float(code[part]);
}

inline void load_weights(const std::int8_t* weights, Floats (&x)[kParts]) {
    Ints code[kParts];
    load_signed(weights, code);
    for (std::size_t part = 0; part < kParts; ++part) x[part] = xsimd::to_float(code[part]);
}

/// The pointer `count` elements on; a float pointer may be unaligned and is never used as one.
template <typename T>
inline const T* moved(const T* weights, std::size_t count) {
    return reinterpret_cast<const T*>(reinterpret_cast<const unsigned char*>(weights) + count * sizeof(T));
}

/// Lanes are added as a tree: i + (i+8), then i + (i+4), i + (i+2), i + (i+1).
inline float sum_of_lanes(const Floats (&sums)[kParts]) {
    alignas(64) float lanes[kLanes];
    for (std::size_t part = 0; part < kParts; ++part) sums[part].store_aligned(lanes + part * kWidth);
    for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
        for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
    }
    return lanes[0];
}

template <typename T>
inline float dot(const T* weights, const float* x, std::size_t count) {
    constexpr std::size_t kChains = 4;  // independent sums, so that one need not wait for the other's addition
    Floats sums[kChains][kParts];
    for (auto& chain : sums) {
        for (Floats& sum : chain) sum = Floats(0.0F);
    }
    std::size_t i = 0;
    for (; i + kChains * kLanes <= count; i += kChains * kLanes) {
        for (std::size_t chain = 0; chain < kChains; ++chain) {
            Floats w[kParts];
            load_weights(moved(weights, i + chain * kLanes), w);
            for (std::size_t part = 0; part < kParts; ++part) {
                const Floats activation = Floats::load_unaligned(x + i + chain * kLanes + part * kWidth);
                sums[chain][part] = fused(w[part], activation, sums[chain][part]);
            }
        }
    }
    for (; i + kLanes <= count; i += kLanes) {
        Floats w[kParts];
        load_weights(moved(weights, i), w);
        for (std::size_t part = 0; part < kParts; ++part)
            sums[0][part] = fused(w[part], Floats::load_unaligned(x + i + part * kWidth), sums[0][part]);
    }
    Floats all[kParts];
    for (std::size_t part = 0; part < kParts; ++part)
        all[part] = (sums[0][part] + sums[1][part]) + (sums[2][part] + sums[3][part]);
    float sum = sum_of_lanes(all);
    for (; i < count; ++i) sum = fused(static_cast<float>(load<T>(weights, i)), x[i], sum);
    return sum;
}

/// kRows rows at once, so that y is loaded and stored once for all of them.
template <std::size_t kRows, typename T>
inline void add_some_rows(const T* weights, std::size_t pitch, const float* x, float* y, std::size_t columns) {
    Floats factors[kRows];
    for (std::size_t r = 0; r < kRows; ++r) factors[r] = Floats(x[r]);
    std::size_t c = 0;
    for (; c + kLanes <= columns; c += kLanes) {
        Floats sums[kParts];
        for (std::size_t part = 0; part < kParts; ++part) sums[part] = Floats::load_unaligned(y + c + part * kWidth);
        for (std::size_t r = 0; r < kRows; ++r) {
            Floats w[kParts];
            load_weights(moved(weights, r * pitch + c), w);
            for (std::size_t part = 0; part < kParts; ++part) sums[part] = fused(factors[r], w[part], sums[part]);
        }
        for (std::size_t part = 0; part < kParts; ++part) sums[part].store_unaligned(y + c + part * kWidth);
    }
    for (; c < columns; ++c) {
        for (std::size_t r = 0; r < kRows; ++r)
            y[c] = fused(x[r], static_cast<float>(load<T>(weights, r * pitch + c)), y[c]);
    }
}

/// Asks for rows that are needed next: cut into columns they are too short for the processor to foresee.
template <typename T>
inline void prefetch_rows(const T* weights, std::size_t pitch, std::size_t rows, std::size_t columns) {
    constexpr std::size_t kLine = 64;
    for (std::size_t r = 0; r < rows; ++r) {
        const auto* const row = reinterpret_cast<const unsigned char*>(moved(weights, r * pitch));
        for (std::size_t byte = 0; byte < columns * sizeof(T); byte += kLine) __builtin_prefetch(row + byte);
    }
}

template <typename T>
inline void add_rows(const T* weights, std::size_t pitch, const float* x, std::size_t rows, float* y,
                     std::size_t columns) {
    constexpr std::size_t kTogether = 8;
    std::size_t r = 0;
    for (; r + kTogether <= rows; r += kTogether) {
        const std::size_t left = rows - r - kTogether;
        if constexpr (sizeof(T) == 1)  // floats are long enough as they are, and lose by it
            prefetch_rows(moved(weights, (r + kTogether) * pitch), pitch, left < kTogether ? left : kTogether, columns);
        add_some_rows<kTogether>(moved(weights, r * pitch), pitch, x + r, y, columns);
    }
    for (; r < rows; ++r) add_some_rows<1>(moved(weights, r * pitch), pitch, x + r, y, columns);
}

float dot_f32(const void* weights, const float* x, std::size_t count) {
    return dot(static_cast<const float*>(weights), x, count);
}

float dot_u8(const std::uint8_t* codes, const float* x, std::size_t count) {
    return dot(codes, x, count);
}

float dot_s8(const std::int8_t* codes, const float* x, std::size_t count) {
    return dot(codes, x, count);
}

void add_rows_f32(const void* weights, std::size_t pitch, const float* x, std::size_t rows, float* y,
                  std::size_t columns) {
    add_rows(static_cast<const float*>(weights), pitch, x, rows, y, columns);
}

void add_rows_u8(const std::uint8_t* codes, std::size_t pitch, const float* x, std::size_t rows, float* y,
                 std::size_t columns) {
    add_rows(codes, pitch, x, rows, y, columns);
}

void add_rows_s8(const std::int8_t* codes, std::size_t pitch, const float* x, std::size_t rows, float* y,
                 std::size_t columns) {
    add_rows(codes, pitch, x, rows, y, columns);
}

/// A tile of the product: kTokens tokens times a panel, all sums in registers.
template <std::size_t kTokens>
inline void multiply_tile(const float* x, std::size_t x_pitch, const float* panel, std::size_t depth, float* out,
                          std::size_t out_pitch) {
    constexpr std::size_t kAcross = kWidth >= 16 ? kPanelColumns / kWidth : 2;  // registers of columns at a time
    for (std::size_t first = 0; first < kPanelColumns; first += kAcross * kWidth) {
        Floats sums[kTokens][kAcross];
        for (auto& row : sums) {
            for (Floats& sum : row) sum = Floats(0.0F);
        }
        for (std::size_t k = 0; k < depth; ++k) {
            Floats w[kAcross];
            for (std::size_t j = 0; j < kAcross; ++j)
                w[j] = Floats::load_aligned(panel + k * kPanelColumns + first + j * kWidth);
            for (std::size_t t = 0; t < kTokens; ++t) {
                const Floats activation(x[t * x_pitch + k]);
                for (std::size_t j = 0; j < kAcross; ++j) sums[t][j] = fused(activation, w[j], sums[t][j]);
            }
        }
        for (std::size_t t = 0; t < kTokens; ++t) {
            for (std::size_t j = 0; j < kAcross; ++j)
                sums[t][j].store_unaligned(out + t * out_pitch + first + j * kWidth);
        }
    }
}

void multiply_panel(const float* x, std::size_t x_pitch, std::size_t tokens, const float* panel, std::size_t depth,
                    float* out, std::size_t out_pitch) {
    constexpr std::size_t kTokens = kWidth >= 16 ? 12 : 6;  // 24 of 32 registers hold sums, or 12 of 16
    std::size_t t = 0;
    for (; t + kTokens <= tokens; t += kTokens)
        multiply_tile<kTokens>(x + t * x_pitch, x_pitch, panel, depth, out + t * out_pitch, out_pitch);
    for (; t + 4 <= tokens; t += 4)
        multiply_tile<4>(x + t * x_pitch, x_pitch, panel, depth, out + t * out_pitch, out_pitch);
    for (; t < tokens; ++t) multiply_tile<1>(x + t * x_pitch, x_pitch, panel, depth, out + t * out_pitch, out_pitch);
}

/// In squares of 16 x 16, which stay in the first cache.
void transpose(const float* in, std::size_t rows, std::size_t columns, float* out) {
    constexpr std::size_t kSquare = 16;
    for (std::size_t r = 0; r < rows; r += kSquare) {
        for (std::size_t c = 0; c < columns; c += kSquare) {
            const std::size_t last_row = rows - r < kSquare ? rows : r + kSquare;
            const std::size_t last_column = columns - c < kSquare ? columns : c + kSquare;
            for (std::size_t j = c; j < last_column; ++j) {
                for (std::size_t i = r; i < last_row; ++i) out[j * rows + i] = in[i * columns + j];
            }
        }
    }
}

/// exp(x) for x <= 0 (and a little above): 2^n times a polynomial of the rest in [-ln 2 / 2, ln 2 / 2] (the coefficients of
/// Cephes, S. L. Moshier, expf). Below -87.3 the result is that of -87.3.
inline Floats exponential(const Floats& value) {
    const Floats x = xsimd::max(xsimd::min(value, Floats(88.0F)), Floats(-87.3F));
    const Ints n = xsimd::nearbyint_as_int(x * Floats(1.44269504F));
    const Floats whole = xsimd::to_float(n);
    const Floats rest = fused(whole, Floats(2.12194440e-4F), fused(whole, Floats(-0.693359375F), x));
    Floats p(1.9875691500e-4F);
    p = fused(p, rest, Floats(1.3981999507e-3F));
    p = fused(p, rest, Floats(8.3334519073e-3F));
    p = fused(p, rest, Floats(4.1665795894e-2F));
    p = fused(p, rest, Floats(1.6666665459e-1F));
    p = fused(p, rest, Floats(5.0000001201e-1F));
    p = fused(p, rest * rest, rest + Floats(1.0F));
    return p * xsimd::bitwise_cast<Floats>((n + Ints(127)) << 23);
}

/// Runs `change` over registers; a tail goes through a buffer, so that it takes the same operations.
template <typename Change>
inline void for_registers(float* values, std::size_t count, Change change) {
    std::size_t i = 0;
    for (; i + kWidth <= count; i += kWidth) change(Floats::load_unaligned(values + i)).store_unaligned(values + i);
    if (i == count) return;
    alignas(64) float rest[kWidth] = {};
    std::memcpy(rest, values + i, (count - i) * sizeof(float));
    change(Floats::load_aligned(rest)).store_aligned(rest);
    std::memcpy(values + i, rest, (count - i) * sizeof(float));
}

float exponentials(float* values, std::size_t count, float largest) {
    const Floats most(largest);
    for_registers(values, count, [&](const Floats& x) { return exponential(x - most); });
    float sum = 0.0F;
    Floats sums(0.0F);
    std::size_t i = 0;
    for (; i + kWidth <= count; i += kWidth) sums = sums + Floats::load_unaligned(values + i);
    alignas(64) float lanes[kWidth];
    sums.store_aligned(lanes);
    for (const float lane : lanes) sum += lane;
    for (; i < count; ++i) sum += values[i];
    return sum;
}

/// tanh(u) = 1 - 2 / (1 + exp(2u)), so x / 2 * (1 + tanh(u)) = x - x / (1 + exp(2u)); beyond 44 the quotient is nothing.
void gelu(float* values, std::size_t count) {
    for_registers(values, count, [](const Floats& x) {
        const Floats cube = x * x * x;
        const Floats twice = Floats(2.0F * 0.7978845608F) * (x + Floats(0.044715F) * cube);
        return x - x / (Floats(1.0F) + exponential(twice));
    });
}

constexpr Products products_named(const char* name) {
    return {name,        dot_f32,        dot_u8,    dot_s8,       add_rows_f32, add_rows_u8,
            add_rows_s8, multiply_panel, transpose, exponentials, gelu};
}

}  // namespace
}  // namespace octet::kernels
