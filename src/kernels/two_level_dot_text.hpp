// Products of one token with outputs of codes of two levels: the small numbers of some outputs are
// converted first, then come the codes, 16 at a time, which see one scale or two. Included by
// product_text.hpp alone.
#pragma once

#include <algorithm>

#include <xsimd/xsimd.hpp>

#include "kernels/columns.hpp"
#include "kernels/dot_text.hpp"
#include "kernels/products.hpp"
#include "kernels/weight_rows.hpp"

namespace octet::kernels {
namespace {

/// Of one output, as floats.
struct SmallNumbers {
    alignas(64) float scales[kMaxSuperblockGroups + kLanes];
    float start;  ///< what does not depend on the codes: sum of (zero point - middle * scale) * sum
                  ///< of x
};

inline Codes row_of(const Codes& codes, std::size_t pitch, std::size_t row) {
    return {codes.bytes + row * pitch, codes.bits, codes.is_signed};
}

void convert_small_numbers(const SmallDots& dots, std::size_t output, const float* sums,
                           SmallNumbers& numbers) {
    float* const scales = numbers.scales;
    alignas(64) float zero_points[kMaxSuperblockGroups + kLanes];
    widen_codes(row_of(dots.scales, dots.scales_pitch, output), dots.readable, scales);
    const bool is_shifted = dots.zero_points.bytes != nullptr;
    if (is_shifted)
        widen_codes(row_of(dots.zero_points, dots.zero_points_pitch, output), dots.readable,
                    zero_points);
    const float shift = -dots.middle * dots.super_scales[output];
    const float super_zero_point = is_shifted ? dots.super_zero_points[output] : 0.0F;
    Floats parts[kParts];
    for (Floats& part : parts) part = Floats(0.0F);
    std::size_t g = 0;
    for (; is_shifted && g + kWidth <= dots.readable; g += kWidth) {
        const Floats zero_point = Floats::load_aligned(zero_points + g) * Floats(super_zero_point);
        const Floats offset = fused(Floats::load_aligned(scales + g), Floats(shift), zero_point);
        parts[0] = fused(offset, Floats::load_unaligned(sums + g), parts[0]);
    }
    numbers.start = sum_of_lanes(parts);
    for (; is_shifted && g < dots.groups; ++g)
        numbers.start = fused(fused(scales[g], shift, zero_points[g] * super_zero_point), sums[g],
                              numbers.start);
}

/// scales[is_next[i]] of 16 inputs.
inline void scales_of_16(const float* scales, const std::int32_t* is_next, Floats (&out)[kParts]) {
#if defined(OCTET_ARCH_AVX512)  // both in turns, of which each lane takes one
    const __m512 pairs = _mm512_castpd_ps(
        _mm512_set1_pd(load<double>(reinterpret_cast<const std::uint8_t*>(scales), 0)));
    out[0] = Floats(_mm512_permutevar_ps(pairs, _mm512_loadu_si512(is_next)));
#elif defined(OCTET_ARCH_AVX2)
    const __m256 pairs = _mm256_castpd_ps(
        _mm256_set1_pd(load<double>(reinterpret_cast<const std::uint8_t*>(scales), 0)));
    for (std::size_t part = 0; part < kParts; ++part) {
        const auto* const lanes = reinterpret_cast<const __m256i*>(is_next + part * kWidth);
        out[part] = Floats(_mm256_permutevar_ps(pairs, _mm256_loadu_si256(lanes)));
    }
#else
    for (std::size_t part = 0; part < kParts; ++part) {
        const Floats number = xsimd::to_float(Ints::load_unaligned(is_next + part * kWidth));
        out[part] = xsimd::select(number == Floats(0.0F), Floats(scales[0]), Floats(scales[1]));
    }
#endif
}

/// Of kOutputs outputs the sums of code i * x[i] * scale of its group.
template <std::size_t kOutputs, typename Rows>
inline void dot_small(const SmallDots& dots, const unsigned char* codes, const float* x,
                      const SmallNumbers* numbers, float* out) {
    Floats sums[kOutputs][2][kParts];
    for (auto& output : sums) {
        for (auto& half : output) {
            for (Floats& sum : half) sum = Floats(0.0F);
        }
    }
    const std::size_t pitch = dots.pitch;
    const auto add_16 = [&](std::size_t first, std::size_t half) {
        const std::size_t g = dots.group_of_16[first / kLanes];
        for (std::size_t o = 0; o < kOutputs; ++o) {
            Floats scales[kParts];
            scales_of_16(numbers[o].scales + g, dots.is_next + first, scales);
            Floats w[kParts];
            Rows::load_16(codes + o * pitch, first, w);
            for (std::size_t part = 0; part < kParts; ++part) {
                const Floats product = w[part] * Floats::load_unaligned(x + first + part * kWidth);
                sums[o][half][part] = fused(product, scales[part], sums[o][half][part]);
            }
        }
    };
    std::size_t i = 0;
    for (; i + 4 * kLanes <= dots.count; i += 4 * kLanes) {
        for (std::size_t o = 0; o < kOutputs; ++o) {
            for (std::size_t line = 0; line < 4 * kLanes * Rows::kBitsEach / 8; line += 64)
                __builtin_prefetch(codes + o * pitch + i * Rows::kBitsEach / 8 + kAheadBytes +
                                   line);
        }
        add_16(i, 0);
        add_16(i + kLanes, 1);
        add_16(i + 2 * kLanes, 0);
        add_16(i + 3 * kLanes, 1);
    }
    for (; i + kLanes <= dots.count; i += kLanes) add_16(i, 0);
    for (std::size_t o = 0; o < kOutputs; ++o) {
        for (std::size_t part = 0; part < kParts; ++part)
            sums[o][0][part] = sums[o][0][part] + sums[o][1][part];
        out[o] = sum_of_lanes(sums[o][0]);
        for (std::size_t rest = i; rest < dots.count; ++rest) {
            const float product = Rows::one(codes + o * pitch, rest) * x[rest];
            out[o] = fused(product, numbers[o].scales[rest / dots.group], out[o]);
        }
    }
}

void dots_of_two_levels(const SmallDots& dots, const float* x, const float* sums, float* y) {
    constexpr std::size_t kTogether = 8;
    SmallNumbers numbers[kTogether];
    float products[kTogether];
    with_rows(dots.codes, [&](auto kind) {
        using Rows = decltype(kind);
        for (std::size_t first = 0; first < dots.outputs; first += kTogether) {
            const std::size_t some = std::min(kTogether, dots.outputs - first);
            for (std::size_t o = 0; o < some; ++o)
                convert_small_numbers(dots, first + o, sums, numbers[o]);
            const unsigned char* const codes = dots.codes.bytes + first * dots.pitch;
            std::size_t o = 0;
            for (; o + 2 <= some; o += 2)
                dot_small<2, Rows>(dots, codes + o * dots.pitch, x, numbers + o, products + o);
            if (o < some)
                dot_small<1, Rows>(dots, codes + o * dots.pitch, x, numbers + o, products + o);
            for (o = 0; o < some; ++o)
                y[first + o] += fused(products[o], dots.super_scales[first + o], numbers[o].start);
        }
    });
}

}  // namespace
}  // namespace octet::kernels
