// Sums over a column, on a register of columns or on one float: the same text for both, so that the
// scalar kernels are the twin of every SIMD kernel. A register is an xsimd batch or `float`; the
// functions below give both one vocabulary. Everything is in an anonymous namespace (see
// scalar_text.hpp).
#pragma once

#include <cmath>

#include "kernels/columns.hpp"
#include "kernels/scalar_text.hpp"

namespace octet::kernels {
namespace {

/// One column: the vocabulary for `float`.
struct ScalarColumns {
    using Register = float;
    static constexpr std::size_t kColumns = 1;
    static float all(float value) { return value; }
    static float load(const float* from) { return *from; }
    static void store(float value, float* to) { *to = value; }
    static float least(float a, float b) { return a < b ? a : b; }
    static float largest(float a, float b) { return a > b ? a : b; }
    static float nearest(float a) { return std::nearbyint(a); }
    static float if_less(float a, float b, float yes, float no) { return a < b ? yes : no; }
};

/// Nearest integer code of (x - m) / s, for sums, where a reciprocal is near enough.
template <typename L, typename R = typename L::Register>
struct Fit {
    R scale;
    R zero_point;  ///< what is added to q * scale
    R least_code;
    R largest_code;
};

/// Sums that say how a fit does and how a better one with the same codes would: d = x - x', weights
/// w.
template <typename R>
struct FitSums {
    R noise;      ///< sum of w d^2
    R residual;   ///< sum of w d
    R code;       ///< sum of w q
    R code_code;  ///< sum of w q^2
    R code_res;   ///< sum of w q d
};

/// The code of an offset u = x - zero_point.
template <typename L, typename R = typename L::Register>
inline R code_of_offset(R u, R reciprocal, const Fit<L>& fit) {
    return L::least(L::largest(L::nearest(u * reciprocal), fit.least_code), fit.largest_code);
}

/// sum of w d^2.
template <typename L, bool kWeighted, typename R = typename L::Register>
inline R noise_of(const float* x, const float* w, std::size_t count, const Fit<L>& fit) {
    const R reciprocal = L::all(1.0F) / fit.scale;
    R noise = L::all(0.0F);
    for (std::size_t i = 0; i < count; ++i) {
        const R u = L::load(x + i * kBlockColumns) - fit.zero_point;
        const R d = u - code_of_offset<L>(u, reciprocal, fit) * fit.scale;
        if constexpr (kWeighted) {
            noise = noise + d * d * L::all(w[i]);
        } else {
            noise = noise + d * d;
        }
    }
    return noise;
}

template <typename L, bool kWeighted, typename R = typename L::Register>
inline FitSums<R> sums_of(const float* x, const float* w, std::size_t count, const Fit<L>& fit) {
    const R reciprocal = L::all(1.0F) / fit.scale;
    const R zero = L::all(0.0F);
    FitSums<R> sums = {zero, zero, zero, zero, zero};
    for (std::size_t i = 0; i < count; ++i) {
        const R u = L::load(x + i * kBlockColumns) - fit.zero_point;
        const R q = code_of_offset<L>(u, reciprocal, fit);
        const R d = u - q * fit.scale;
        R wd = d;
        R wq = q;
        if constexpr (kWeighted) {
            wd = d * L::all(w[i]);
            wq = q * L::all(w[i]);
        }
        sums.noise = sums.noise + d * wd;
        sums.residual = sums.residual + wd;
        sums.code = sums.code + wq;
        sums.code_code = sums.code_code + q * wq;
        sums.code_res = sums.code_res + q * wd;
    }
    return sums;
}

/// Sum of the weights of `count` inputs.
inline float weight_of(const float* w, std::size_t count) {
    if (w == nullptr) return static_cast<float>(count);
    float sum = 0.0F;
    for (std::size_t i = 0; i < count; ++i) sum = sum + w[i];
    return sum;
}

/// The change of (scale, zero point) that the same codes like best: least squares of d against q
/// and 1. No change where all codes are equal.
template <typename L, typename R = typename L::Register>
inline void least_squares(const FitSums<R>& sums, R weight, R& scale_change, R& zero_change) {
    const R zero = L::all(0.0F);
    const R determinant = sums.code_code * weight - sums.code * sums.code;
    const R safe = L::if_less(zero, determinant, determinant, L::all(1.0F));
    const R change = (sums.code_res * weight - sums.code * sums.residual) / safe;
    scale_change = L::if_less(zero, determinant, change, zero);
    const R safe_weight = L::if_less(zero, weight, weight, L::all(1.0F));
    zero_change = (sums.residual - scale_change * sums.code) / safe_weight;
}

/// Smallest and largest value of each column.
template <typename L, typename R = typename L::Register>
inline void extremes_of(const float* x, std::size_t count, R& low, R& high) {
    low = high = L::load(x);
    for (std::size_t i = 1; i < count; ++i) {
        const R value = L::load(x + i * kBlockColumns);
        low = L::least(low, value);
        high = L::largest(high, value);
    }
}

/// The nearest number of a storage type, lane by lane; what overflows becomes the largest finite
/// one.
template <typename L, typename One, typename R = typename L::Register>
inline R each_rounded(R value, One one) {
    alignas(64) float lanes[L::kColumns];
    L::store(value, lanes);
    for (float& lane : lanes) lane = one(lane);
    return L::load(lanes);
}

inline float to_finite_f16(float value) {
    const float limited = value > 65504.0F ? 65504.0F : value < -65504.0F ? -65504.0F : value;
    return f16_to_f32(f32_to_f16(limited));
}

inline float to_finite_bf16(float value) {
    constexpr float kLargest = 0x1.FEp127F;
    const float limited = value > kLargest ? kLargest : value < -kLargest ? -kLargest : value;
    return bf16_to_f32(f32_to_bf16(limited));
}

/// The number of a storage type behind a number of it that is not negative; the largest stays.
inline float next_f16(float value) {
    return value < 65504.0F ? f16_to_f32(static_cast<std::uint16_t>(f32_to_f16(value) + 1U))
                            : value;
}

inline float next_bf16(float value) {
    return value < 0x1.FEp127F ? bf16_to_f32(static_cast<std::uint16_t>(f32_to_bf16(value) + 1U))
                               : value;
}

/// True where a < b in some lane.
template <typename L, typename R = typename L::Register>
inline bool any_less(R a, R b) {
    alignas(64) float lanes[L::kColumns];
    L::store(L::if_less(a, b, L::all(1.0F), L::all(0.0F)), lanes);
    bool any = false;
    for (const float lane : lanes) any = any || lane > 0.0F;
    return any;
}

/// 1 unless `noise`, summed in float32 over values of up to `magnitude`, is certainly the smaller
/// one: the sums differ by less than their rounding, or hold little but the rounding of x', or
/// squares that vanished.
template <typename L, typename R = typename L::Register>
inline R is_close(R noise, R rival, R magnitude, R weight) {
    const R none = L::all(0.0F);
    const R one = L::all(1.0F);
    const R lost = magnitude * L::all(0x1p-19F);
    const R least = L::largest(lost * lost * weight, L::all(0x1p-100F));
    const R apart = L::if_less(noise * L::all(1.0F + 0x1p-8F), rival, none, one);
    return L::if_less(least, noise, apart, one);
}

}  // namespace
}  // namespace octet::kernels
