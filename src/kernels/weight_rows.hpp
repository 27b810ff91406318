// Rows of weights in memory, floats or codes of any width, as the loops of product_text.hpp read
// them: 16 at a time as floats in registers, or one of a tail. Included by product_text.hpp alone.
#pragma once

#include <type_traits>

#include <xsimd/xsimd.hpp>

#include "kernels/code_registers.hpp"
#include "kernels/lane_registers.hpp"
#include "kernels/products.hpp"

namespace octet::kernels {
namespace {

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

/// Floats at any alignment.
struct FloatRows {
    static constexpr std::size_t kBitsEach = 32;

    static void load_16(const unsigned char* row, std::size_t first, Floats (&x)[kParts]) {
        const unsigned char* const bytes = row + first * sizeof(float);
        for (std::size_t part = 0; part < kParts; ++part)
            x[part] = Floats::load_unaligned(
                reinterpret_cast<const float*>(bytes + part * kWidth * sizeof(float)));
    }

    static float one(const unsigned char* row, std::size_t index) {
        return load<float>(row, index);
    }
};

template <unsigned kBits, bool kSigned>
struct CodeRows {
    static constexpr std::size_t kBitsEach = kBits;

    /// `first` is a multiple of 8.
    static void load_16(const unsigned char* row, std::size_t first, Floats (&x)[kParts]) {
        Ints code[kParts];
        load_packed<kBits, kSigned>(row + first / 8 * kBits, code);
        for (std::size_t part = 0; part < kParts; ++part) x[part] = xsimd::to_float(code[part]);
    }

    static float one(const unsigned char* row, std::size_t index) {
        return static_cast<float>(code_at<kBits, kSigned>(row, index));
    }
};

/// Calls `call` with the CodeRows of these codes.
template <typename Call>
inline auto with_rows(const Codes& codes, Call call) {
    const auto of = [&](auto bits) {
        return codes.is_signed ? call(CodeRows<decltype(bits)::value, true>())
                               : call(CodeRows<decltype(bits)::value, false>());
    };
    switch (codes.bits) {
        case 2:
            return of(std::integral_constant<unsigned, 2>());
        case 3:
            return of(std::integral_constant<unsigned, 3>());
        case 4:
            return of(std::integral_constant<unsigned, 4>());
        case 5:
            return of(std::integral_constant<unsigned, 5>());
        case 6:
            return of(std::integral_constant<unsigned, 6>());
        default:
            return of(std::integral_constant<unsigned, 8>());
    }
}

void widen_codes(const Codes& codes, std::size_t count, float* out) {
    with_rows(codes, [&](auto rows) {
        std::size_t i = 0;
        for (; i + kLanes <= count; i += kLanes) {
            Floats w[kParts];
            rows.load_16(codes.bytes, i, w);
            for (std::size_t part = 0; part < kParts; ++part)
                w[part].store_unaligned(out + i + part * kWidth);
        }
        for (; i < count; ++i) out[i] = rows.one(codes.bytes, i);
    });
}

}  // namespace
}  // namespace octet::kernels
