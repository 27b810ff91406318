// Products of one token with outputs of codes of two levels: the small numbers of some outputs are converted first, then come the codes, 16
// at a time, which see one scale or two. Included by product_text.hpp alone.
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
    alignas(64) float steps[kMaxSuperblockGroups + kLanes];  ///< from each scale to the next
    float start;  ///< what does not depend on the codes: sum of (zero point - middle * scale) * sum of x
};

inline Codes row_of(const Codes& codes, std::size_t pitch, std::size_t row) {
    return {codes.bytes + row * pitch, codes.bits, codes.is_signed};
}

void convert_small_numbers(const SmallDots& dots, std::size_t output, const float* sums, SmallNumbers& numbers) {
    float* const scales = numbers.scales;
    alignas(64) float zero_points[kMaxSuperblockGroups + kLanes];
    widen_codes(row_of(dots.scales, dots.scales_pitch, output), dots.readable, scales);
    const bool is_shifted = dots.zero_points.bytes != nullptr;
    if (is_shifted) widen_codes(row_of(dots.zero_points, dots.zero_points_pitch, output), dots.readable, zero_points);
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
        numbers.start = fused(fused(scales[g], shift, zero_points[g] * super_zero_point), sums[g], numbers.start);
}

void find_steps(const SmallDots& dots, SmallNumbers& numbers) {
    std::size_t g = 0;
    for (; g + kWidth < dots.readable; g += kWidth) {
        const Floats next = Floats::load_unaligned(numbers.scales + g + 1);
        (next - Floats::load_aligned(numbers.scales + g)).store_aligned(numbers.steps + g);
    }
    for (; g + 1 < dots.groups; ++g) numbers.steps[g] = numbers.scales[g + 1] - numbers.scales[g];
    numbers.steps[dots.groups - 1] = 0.0F;
}

/// The sum of code i * x[i] * scale of its group.
template <typename Rows>
inline float dot_small(const SmallDots& dots, const unsigned char* codes, const float* x, const SmallNumbers& numbers) {
    Floats a[kParts];
    Floats b[kParts];
    for (std::size_t part = 0; part < kParts; ++part) a[part] = b[part] = Floats(0.0F);
    std::size_t g = 0;
    std::size_t place = 0;  // in its group
    const auto add_16 = [&](std::size_t first, Floats(&sums)[kParts]) {
        const Floats low(numbers.scales[g]);
        const Floats step(numbers.steps[g]);
        Floats w[kParts];
        Rows::load_16(codes, first, w);
        for (std::size_t part = 0; part < kParts; ++part) {
            const std::size_t at = first + part * kWidth;
            const Floats scale = fused(step, Floats::load_unaligned(dots.is_next + at), low);
            sums[part] = fused(w[part] * Floats::load_unaligned(x + at), scale, sums[part]);
        }
        place += kLanes;
        g += place >= dots.group ? 1 : 0;
        place -= place >= dots.group ? dots.group : 0;
    };
    std::size_t i = 0;
    for (; i + 4 * kLanes <= dots.count; i += 4 * kLanes) {
        for (std::size_t line = 0; line < 4 * kLanes * Rows::kBitsEach / 8; line += 64)
            __builtin_prefetch(codes + i * Rows::kBitsEach / 8 + kAheadBytes + line);
        add_16(i, a);
        add_16(i + kLanes, b);
        add_16(i + 2 * kLanes, a);
        add_16(i + 3 * kLanes, b);
    }
    for (; i + kLanes <= dots.count; i += kLanes) add_16(i, a);
    for (std::size_t part = 0; part < kParts; ++part) a[part] = a[part] + b[part];
    float sum = sum_of_lanes(a);
    for (; i < dots.count; ++i) sum = fused(Rows::one(codes, i) * x[i], numbers.scales[i / dots.group], sum);
    return sum;
}

void dots_of_two_levels(const SmallDots& dots, const float* x, const float* sums, float* y) {
    constexpr std::size_t kTogether = 8;
    SmallNumbers numbers[kTogether];
    with_rows(dots.codes, [&](auto kind) {
        for (std::size_t first = 0; first < dots.outputs; first += kTogether) {
            const std::size_t some = std::min(kTogether, dots.outputs - first);
            for (std::size_t o = 0; o < some; ++o) convert_small_numbers(dots, first + o, sums, numbers[o]);
            for (std::size_t o = 0; o < some; ++o) find_steps(dots, numbers[o]);
            for (std::size_t o = 0; o < some; ++o) {
                const float sum =
                    dot_small<decltype(kind)>(dots, dots.codes.bytes + (first + o) * dots.pitch, x, numbers[o]);
                y[first + o] += fused(sum, dots.super_scales[first + o], numbers[o].start);
            }
        }
    });
}

}  // namespace
}  // namespace octet::kernels
