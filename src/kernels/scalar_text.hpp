// One element at a time: the expressions that define octet's arithmetic. Used by the scalar kernels
// for everything and by the SIMD kernels for tails. Everything is in an anonymous namespace, so
// that no copy compiled for a newer processor can be linked into code that runs on an older one.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "kernels/kernels.hpp"

namespace octet::kernels {
namespace {

/// How far ahead of a loop its bytes are asked for. Memory answers after some 100 ns, in which
/// these loops get 4 KiB further, and the processor's own reading ahead ends at every page. Second
/// passes ask, too: of 9 MB that a first one brought, most is gone from the caches.
constexpr std::size_t kValuesAheadBytes = 8192;

template <typename T>
inline T load(const void* values, std::size_t index) {
    T value;
    std::memcpy(&value, static_cast<const unsigned char*>(values) + index * sizeof(T), sizeof(T));
    return value;
}

/// Where float32 element `index` lies.
inline const void* part_of(const void* values, std::size_t index) {
    return static_cast<const unsigned char*>(values) + index * sizeof(float);
}

template <typename T>
inline void store(void* out, std::size_t index, T value) {
    std::memcpy(static_cast<unsigned char*>(out) + index * sizeof(T), &value, sizeof(T));
}

template <typename To, typename From>
inline To bits_as(From value) {
    static_assert(sizeof(To) == sizeof(From));
    To result;
    std::memcpy(&result, &value, sizeof(To));
    return result;
}

/// Lane sums in float32 of at most kFoldElements elements.
struct FoldSums {
    float signal[kLanes];
    float noise[kLanes];
    float max_abs_error;
};

inline void add_fold(const FoldSums& fold, LaneSums& sums) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
        sums.signal[lane] += static_cast<double>(fold.signal[lane]);
        sums.noise[lane] += static_cast<double>(fold.noise[lane]);
    }
    const double largest = static_cast<double>(fold.max_abs_error);
    sums.max_abs_error = largest > sums.max_abs_error ? largest : sums.max_abs_error;
}

inline void add_range(float x, Range& range) {
    range.min = x < range.min ? x : range.min;
    range.max = x > range.max ? x : range.max;
    range.finite = range.finite && std::fabs(x) <= std::numeric_limits<float>::max();
}

/// Exact for all 65,536 inputs: the exponent is moved by a multiplication, which also normalizes
/// subnormals. NaN becomes quiet, as the processors' own conversion makes it.
inline float f16_to_f32(std::uint16_t half) {
    const std::uint32_t sign = (half & 0x8000U) << 16U;
    const std::uint32_t magnitude = half & 0x7FFFU;
    const float scaled = bits_as<float>(magnitude << 13U) * 0x1p112F;
    const std::uint32_t bits = bits_as<std::uint32_t>(scaled);
    const std::uint32_t special =
        0x7F800000U | (magnitude << 13U) | (magnitude > 0x7C00U ? 0x400000U : 0U);
    return bits_as<float>(sign | (magnitude >= 0x7C00U ? special : bits));
}

inline float bf16_to_f32(std::uint16_t value) {
    return bits_as<float>(static_cast<std::uint32_t>(value) << 16U);
}

/// To nearest, ties to even; overflow gives infinity, NaN stays a quiet NaN with the upper bits of
/// its payload.
inline std::uint16_t f32_to_f16(float value) {
    const std::uint32_t bits = bits_as<std::uint32_t>(value);
    const std::uint32_t sign = (bits >> 16U) & 0x8000U;
    const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
    const std::uint32_t odd = (magnitude >> 13U) & 1U;
    const std::uint32_t normal = (magnitude - (112U << 23U) + 0xFFFU + odd) >> 13U;
    const std::uint32_t subnormal =
        bits_as<std::uint32_t>(bits_as<float>(magnitude) + 0.5F) - bits_as<std::uint32_t>(0.5F);
    std::uint32_t half = magnitude < (113U << 23U) ? subnormal : normal;
    half = magnitude >= 0x477FF000U ? 0x7C00U : half;  // 65520 and above round to infinity
    half = magnitude > 0x7F800000U ? 0x7E00U | ((magnitude >> 13U) & 0x1FFU) : half;
    return static_cast<std::uint16_t>(sign | half);
}

inline std::uint16_t f32_to_bf16(float value) {
    const std::uint32_t bits = bits_as<std::uint32_t>(value);
    const std::uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U;
    const bool is_nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
    return static_cast<std::uint16_t>(is_nan ? (bits >> 16U) | 0x40U : rounded);
}

/// The difference is infinite exactly where a finite value overflowed; it is NaN, and left out,
/// where the value was not finite.
inline void add_narrowing(float before, float after, Narrowing& narrowing) {
    const float difference = std::fabs(before - after);
    narrowing.max_abs_difference =
        difference > narrowing.max_abs_difference ? difference : narrowing.max_abs_difference;
    narrowing.overflowed = narrowing.max_abs_difference > std::numeric_limits<float>::max();
}

// Conversions that the compiler vectorizes well from this text; exact, so the same on every
// instruction set.

inline void narrow_f64_loop(const void* values, std::size_t count, float* out) {
    for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<float>(load<double>(values, i));
}

inline void widen_to_f64_loop(const float* values, std::size_t count, void* out) {
    for (std::size_t i = 0; i < count; ++i) store(out, i, static_cast<double>(values[i]));
}

inline void narrow_to_f16_loop(const float* values, std::size_t count, void* out,
                               Narrowing& narrowing) {
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint16_t half = f32_to_f16(values[i]);
        add_narrowing(values[i], f16_to_f32(half), narrowing);
        store(out, i, half);
    }
}

inline void narrow_to_bf16_loop(const float* values, std::size_t count, void* out,
                                Narrowing& narrowing) {
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint16_t half = f32_to_bf16(values[i]);
        add_narrowing(values[i], bf16_to_f32(half), narrowing);
        store(out, i, half);
    }
}

}  // namespace
}  // namespace octet::kernels
