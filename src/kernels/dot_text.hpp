// Products of one token with one output: sums along a row of weights, floats or codes. Included by
// product_text.hpp and its parts alone.
#pragma once

#include <xsimd/xsimd.hpp>

#include "kernels/products.hpp"
#include "kernels/weight_rows.hpp"

namespace octet::kernels {
namespace {

inline float sum_of_lanes(const Floats (&sums)[kParts]) {
    Floats sum = sums[0];
    for (std::size_t part = 1; part < kParts; ++part) sum = sum + sums[part];
#if XSIMD_VERSION_MAJOR >= 9
    return xsimd::reduce_add(sum);
#else
    return xsimd::hadd(sum);
#endif
}

constexpr std::size_t kAheadBytes = 4096;  ///< how far ahead weights are asked for

/// Four independent sums, so that one need not wait for the other's addition.
template <typename Rows>
inline float dot(const unsigned char* weights, const float* x, std::size_t count) {
    Floats a[kParts];
    for (Floats& sum : a) sum = Floats(0.0F);
    Floats b[kParts];
    Floats c[kParts];
    Floats d[kParts];
    for (std::size_t part = 0; part < kParts; ++part) b[part] = c[part] = d[part] = a[part];
    const auto add_16 = [&](std::size_t first, Floats(&sums)[kParts]) {
        Floats w[kParts];
        Rows::load_16(weights, first, w);
        for (std::size_t part = 0; part < kParts; ++part)
            sums[part] =
                fused(w[part], Floats::load_unaligned(x + first + part * kWidth), sums[part]);
    };
    std::size_t i = 0;
    for (; i + 4 * kLanes <= count; i += 4 * kLanes) {
        const unsigned char* const ahead = weights + i * Rows::kBitsEach / 8 + kAheadBytes;
        for (std::size_t line = 0; line < 4 * kLanes * Rows::kBitsEach / 8; line += 64)
            __builtin_prefetch(ahead + line);
        add_16(i, a);
        add_16(i + kLanes, b);
        add_16(i + 2 * kLanes, c);
        add_16(i + 3 * kLanes, d);
    }
    for (; i + kLanes <= count; i += kLanes) add_16(i, a);
    for (std::size_t part = 0; part < kParts; ++part)
        a[part] = (a[part] + b[part]) + (c[part] + d[part]);
    float sum = sum_of_lanes(a);
    for (; i < count; ++i) sum = fused(Rows::one(weights, i), x[i], sum);
    return sum;
}

float dot_f32(const void* weights, const float* x, std::size_t count) {
    return dot<FloatRows>(static_cast<const unsigned char*>(weights), x, count);
}

alignas(64) constexpr float kNumbers[kLanes + 1] = {0, 1,  2,  3,  4,  5,  6,  7, 8,
                                                    9, 10, 11, 12, 13, 14, 15, 16};

/// The same with a scale for each group of at least 16 inputs: 16 lanes see one scale, or two.
template <bool kWhole, typename Rows>
inline float dot_scaled(const unsigned char* codes, const float* x, std::size_t count,
                        const float* scales, std::size_t group) {
    Floats lanes[kParts];
    for (std::size_t part = 0; part < kParts; ++part)
        lanes[part] = Floats::load_aligned(kNumbers + part * kWidth);
    std::size_t left = group;  // inputs of the group of *scales from here on
    const auto add_16 = [&](std::size_t first, Floats(&sums)[kParts]) {
        Floats w[kParts];
        Rows::load_16(codes, first, w);
        if (kWhole) {  // no group ends within 16 lanes
            for (std::size_t part = 0; part < kParts; ++part) {
                const Floats product = w[part] * Floats::load_unaligned(x + first + part * kWidth);
                sums[part] = fused(product, Floats(scales[0]), sums[part]);
            }
            left -= kLanes;
            scales += left == 0 ? 1 : 0;
            left = left == 0 ? group : left;
            return;
        }
        const bool is_last =
            left <= kLanes;  // the lanes end with the group, or see the next one, too
        const Floats border(kNumbers[is_last ? left : kLanes]);
        const Floats low(scales[0]);
        const Floats high(scales[left < kLanes ? 1 : 0]);
        for (std::size_t part = 0; part < kParts; ++part) {
            const Floats scale = xsimd::select(lanes[part] < border, low, high);
            const Floats product = w[part] * Floats::load_unaligned(x + first + part * kWidth);
            sums[part] = fused(product, scale, sums[part]);
        }
        scales += is_last ? 1 : 0;
        left += is_last ? group - kLanes : std::size_t{0} - kLanes;
    };
    Floats a[kParts];
    for (Floats& sum : a) sum = Floats(0.0F);
    Floats b[kParts];
    for (std::size_t part = 0; part < kParts; ++part) b[part] = a[part];
    std::size_t i = 0;
    for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
        __builtin_prefetch(codes + i / 8 * Rows::kBitsEach + kAheadBytes);
        add_16(i, a);
        add_16(i + kLanes, b);
    }
    if (i + kLanes <= count) {
        add_16(i, a);
        i += kLanes;
    }
    for (std::size_t part = 0; part < kParts; ++part) a[part] = a[part] + b[part];
    float sum = sum_of_lanes(a);
    for (; i < count; ++i, --left) {
        if (left == 0) {
            ++scales;
            left = group;
        }
        sum = fused(Rows::one(codes, i) * x[i], *scales, sum);
    }
    return sum;
}

float dot_codes(const Codes& codes, const float* x, std::size_t count, const float* scales,
                std::size_t group) {
    return with_rows(codes, [&](auto kind) {
        using Rows = decltype(kind);
        if (group >= count) return dot<Rows>(codes.bytes, x, count) * *scales;
        return group % kLanes == 0 ? dot_scaled<true, Rows>(codes.bytes, x, count, scales, group)
                                   : dot_scaled<false, Rows>(codes.bytes, x, count, scales, group);
    });
}

}  // namespace
}  // namespace octet::kernels
