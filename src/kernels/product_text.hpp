// The loops of products.hpp on xsimd batches, 16 lanes at a time. Included once by each
// instruction-set file, which defines `Arch` first; everything is in an anonymous namespace (see
// scalar_text.hpp).
#pragma once

#include <xsimd/xsimd.hpp>

#include "kernels/dot_text.hpp"
#include "kernels/products.hpp"
#include "kernels/token_rows_text.hpp"
#include "kernels/two_level_dot_text.hpp"
#include "kernels/weight_rows.hpp"

namespace octet::kernels {
namespace {

/// kRows rows at once, so that y is loaded and stored once for all of them. With kAhead the rows
/// behind these are asked for.
template <std::size_t kRows, bool kAhead, typename Rows>
inline void add_some_rows(const unsigned char* weights, std::size_t pitch, const float* x, float* y,
                          std::size_t columns) {
    constexpr std::size_t kAcross = 4;
    Floats factors[kRows];
    for (std::size_t r = 0; r < kRows; ++r) factors[r] = Floats(x[r]);
    const auto add_16 = [&](std::size_t c) {
        Floats sums[kParts];
        for (std::size_t part = 0; part < kParts; ++part)
            sums[part] = Floats::load_unaligned(y + c + part * kWidth);
        for (std::size_t r = 0; r < kRows; ++r) {
            Floats w[kParts];
            Rows::load_16(weights + r * pitch, c, w);
            for (std::size_t part = 0; part < kParts; ++part)
                sums[part] = fused(factors[r], w[part], sums[part]);
        }
        for (std::size_t part = 0; part < kParts; ++part)
            sums[part].store_unaligned(y + c + part * kWidth);
    };
    std::size_t c = 0;
    for (; c + kAcross * kLanes <= columns; c += kAcross * kLanes) {
        const unsigned char* const ahead = weights + kRows * pitch + c / 8 * Rows::kBitsEach;
        for (std::size_t r = 0; kAhead && r < kRows; ++r) __builtin_prefetch(ahead + r * pitch);
        for (std::size_t block = 0; block < kAcross; ++block) add_16(c + block * kLanes);
    }
    for (; c + kLanes <= columns; c += kLanes) add_16(c);
    for (; c < columns; ++c) {
        for (std::size_t r = 0; r < kRows; ++r)
            y[c] = fused(x[r], Rows::one(weights + r * pitch, c), y[c]);
    }
}

template <typename Rows>
inline void add_rows(const unsigned char* weights, std::size_t pitch, const float* x,
                     std::size_t rows, float* y, std::size_t columns) {
    constexpr std::size_t kTogether = 8;
    constexpr bool kAhead = Rows::kBitsEach <= 8;  // floats lose by it
    std::size_t r = 0;
    for (; r + kTogether <= rows; r += kTogether)
        add_some_rows<kTogether, kAhead, Rows>(weights + r * pitch, pitch, x + r, y, columns);
    for (; r + 2 <= rows; r += 2)
        add_some_rows<2, kAhead, Rows>(weights + r * pitch, pitch, x + r, y, columns);
    if (r < rows) add_some_rows<1, kAhead, Rows>(weights + r * pitch, pitch, x + r, y, columns);
}

void add_rows_f32(const void* weights, std::size_t pitch, const float* x, std::size_t rows,
                  float* y, std::size_t columns) {
    add_rows<FloatRows>(static_cast<const unsigned char*>(weights), pitch, x, rows, y, columns);
}

void add_rows_codes(const Codes& codes, std::size_t pitch, const float* x, std::size_t rows,
                    float* y, std::size_t columns) {
    with_rows(codes, [&](auto kind) {
        add_rows<decltype(kind)>(codes.bytes, pitch, x, rows, y, columns);
    });
}

void add_two_products(const float* a, const float* s, const float* b, const float* z, float* y,
                      std::size_t count) {
    std::size_t i = 0;
    const auto at = [&](const float* from) { return Floats::load_unaligned(from + i); };
    for (; i + kWidth <= count; i += kWidth)
        fused(at(b), at(z), fused(at(a), at(s), at(y))).store_unaligned(y + i);
    for (; i < count; ++i) y[i] = fused(b[i], z[i], fused(a[i], s[i], y[i]));
}

void add_products(const Codes& codes, const float* x, float* y, std::size_t count) {
    with_rows(codes, [&](auto rows) {
        std::size_t i = 0;
        for (; i + kLanes <= count; i += kLanes) {
            Floats w[kParts];
            rows.load_16(codes.bytes, i, w);
            for (std::size_t part = 0; part < kParts; ++part) {
                const std::size_t at = i + part * kWidth;
                fused(w[part], Floats::load_unaligned(x + at), Floats::load_unaligned(y + at))
                    .store_unaligned(y + at);
            }
        }
        for (; i < count; ++i) y[i] = fused(rows.one(codes.bytes, i), x[i], y[i]);
    });
}

/// A tile of the product: kTokens tokens times a panel, all sums in registers.
template <std::size_t kTokens>
inline void multiply_tile(const float* x, std::size_t x_pitch, const float* panel,
                          std::size_t depth, float* out, std::size_t out_pitch) {
    constexpr std::size_t kAcross =
        kWidth >= 16 ? kPanelColumns / kWidth : 2;  // registers of columns at a time
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
                for (std::size_t j = 0; j < kAcross; ++j)
                    sums[t][j] = fused(activation, w[j], sums[t][j]);
            }
        }
        for (std::size_t t = 0; t < kTokens; ++t) {
            for (std::size_t j = 0; j < kAcross; ++j)
                sums[t][j].store_unaligned(out + t * out_pitch + first + j * kWidth);
        }
    }
}

void multiply_panel(const float* x, std::size_t x_pitch, std::size_t tokens, const float* panel,
                    std::size_t depth, float* out, std::size_t out_pitch) {
    constexpr std::size_t kTokens =
        kWidth >= 16 ? 12 : 6;  // 24 of 32 registers hold sums, or 12 of 16
    std::size_t t = 0;
    for (; t + kTokens <= tokens; t += kTokens)
        multiply_tile<kTokens>(x + t * x_pitch, x_pitch, panel, depth, out + t * out_pitch,
                               out_pitch);
    for (; t + 4 <= tokens; t += 4)
        multiply_tile<4>(x + t * x_pitch, x_pitch, panel, depth, out + t * out_pitch, out_pitch);
    for (; t < tokens; ++t)
        multiply_tile<1>(x + t * x_pitch, x_pitch, panel, depth, out + t * out_pitch, out_pitch);
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

/// exp(x) for x <= 0 (and a little above): 2^n times a polynomial of the rest in [-ln 2 / 2, ln 2 /
/// 2] (the coefficients of Cephes, S. L. Moshier, expf). Below -87.3 the result is that of -87.3.
inline Floats exponential(const Floats& value) {
    const Floats x = xsimd::max(xsimd::min(value, Floats(88.0F)), Floats(-87.3F));
    const Ints n = xsimd::nearbyint_as_int(x * Floats(1.44269504F));
    const Floats whole = xsimd::to_float(n);
    const Floats rest =
        fused(whole, Floats(2.12194440e-4F), fused(whole, Floats(-0.693359375F), x));
    Floats p(1.9875691500e-4F);
    p = fused(p, rest, Floats(1.3981999507e-3F));
    p = fused(p, rest, Floats(8.3334519073e-3F));
    p = fused(p, rest, Floats(4.1665795894e-2F));
    p = fused(p, rest, Floats(1.6666665459e-1F));
    p = fused(p, rest, Floats(5.0000001201e-1F));
    p = fused(p, rest * rest, rest + Floats(1.0F));
    return p * xsimd::bitwise_cast<Floats>((n + Ints(127)) << 23);
}

/// Runs `change` over registers; a tail goes through a buffer, so that it takes the same
/// operations.
template <typename Change>
inline void for_registers(float* values, std::size_t count, Change change) {
    std::size_t i = 0;
    for (; i + kWidth <= count; i += kWidth)
        change(Floats::load_unaligned(values + i)).store_unaligned(values + i);
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

/// tanh(u) = 1 - 2 / (1 + exp(2u)), so x / 2 * (1 + tanh(u)) = x - x / (1 + exp(2u)); beyond 44 the
/// quotient is nothing.
void gelu(float* values, std::size_t count) {
    for_registers(values, count, [](const Floats& x) {
        const Floats cube = x * x * x;
        const Floats twice = Floats(2.0F * 0.7978845608F) * (x + Floats(0.044715F) * cube);
        return x - x / (Floats(1.0F) + exponential(twice));
    });
}

}  // namespace
}  // namespace octet::kernels

#include "kernels/products_named.hpp"
