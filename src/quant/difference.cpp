// Blocks of 512 elements are summed in the lanes of the kernels, each scaled by powers of two that
// follow from its largest values, so that no square overflows or vanishes.
#include "quant/difference.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <type_traits>

namespace octet::quant {
namespace {

constexpr std::size_t kLanes = kernels::kLanes;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double tree_sum(const double (&lanes)[kLanes]) {
    double sums[kLanes];
    std::copy(std::begin(lanes), std::end(lanes), std::begin(sums));
    for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
        for (std::size_t i = 0; i < half; ++i) sums[i] += sums[i + half];
    }
    return sums[0];
}

/// The power of two that brings `magnitude` into [1, 2), as far as T's normal exponents reach.
template <typename T>
int factor_exponent(T magnitude) {
    if (magnitude == T(0) || std::isinf(magnitude)) return 0;
    return std::clamp(-std::ilogb(magnitude), std::numeric_limits<T>::min_exponent - 1,
                      std::numeric_limits<T>::max_exponent - 1);
}

/// The largest of |values|, none of which is NaN.
template <typename T>
T largest_of(const T* values, std::size_t count) {
    T lanes[kLanes] = {};
    for (std::size_t i = 0; i < count; i += kLanes) {
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            const T magnitude = std::fabs(values[i + lane]);
            lanes[lane] = magnitude > lanes[lane] ? magnitude : lanes[lane];
        }
    }
    return *std::max_element(std::begin(lanes), std::end(lanes));
}

/// Not `isfinite`, whose branches would stop the compiler from vectorizing: x - x is 0 for finite x
/// only.
template <typename T>
bool all_finite(const T* values, std::size_t count) {
    T lanes[kLanes] = {};
    for (std::size_t i = 0; i < count; i += kLanes) {
        for (std::size_t lane = 0; lane < kLanes; ++lane)
            lanes[lane] += values[i + lane] - values[i + lane];
    }
    return std::all_of(std::begin(lanes), std::end(lanes), [](T lane) { return lane == T(0); });
}

/// True of magnitudes so far from 1 that sums of squares may leave a double's range.
bool is_wide(double magnitude) {
    constexpr int kHarmless = 440;
    return magnitude != 0 && std::abs(std::ilogb(magnitude)) > kHarmless;
}

}  // namespace

void DifferenceSums::merge(const DifferenceSums& later) noexcept {
    signal += later.signal;
    noise += later.noise;
    dot_aa += later.dot_aa;
    dot_bb += later.dot_bb;
    dot_ab += later.dot_ab;
    if (later.max_abs_error > max_abs_error) {
        max_abs_error = later.max_abs_error;
        max_element = later.max_element;
    }
    sign_flips += later.sign_flips;
    to_zero += later.to_zero;
    for (std::size_t i = 0; i < histogram.size(); ++i) histogram[i] += later.histogram[i];
}

double cosine(const DifferenceSums& sums) noexcept {
    if (sums.dot_aa.value == 0 && sums.dot_bb.value == 0) return 1;
    if (sums.dot_aa.value == 0 || sums.dot_bb.value == 0) return 0;
    return over_roots(sums.dot_ab, sums.dot_aa, sums.dot_bb);
}

/// As many elements as a fold takes, filled up with zeros (which add nothing) to whole lanes.
template <typename T>
struct DifferenceTile::Block {
    alignas(64) T a[kernels::kFoldElements];
    alignas(64) T b[kernels::kFoldElements];
    alignas(64) T error[kernels::kFoldElements];
    std::size_t count;   ///< elements
    std::size_t padded;  ///< with the zeros

    template <typename From>
    Block(const From* from_a, const From* from_b, std::size_t size)
        : count(size), padded((size + kLanes - 1) / kLanes * kLanes) {
        std::copy(from_a, from_a + size, a);
        std::copy(from_b, from_b + size, b);
        std::fill(a + count, a + padded, T(0));
        std::fill(b + count, b + padded, T(0));
    }
};

void DifferenceTile::note_error(double error, std::uint64_t element) {
    if (error <= sums_.max_abs_error) return;
    sums_.max_abs_error = error;
    sums_.max_element = element;
}

/// Pairs that are not finite are judged here and become zeros.
template <typename T>
void DifferenceTile::settle_non_finite(Block<T>& block) {
    for (std::size_t i = 0; i < block.count; ++i) {
        T& a = block.a[i];
        T& b = block.b[i];
        if (std::isfinite(a) && std::isfinite(b)) continue;
        const bool same = (std::isnan(a) && std::isnan(b)) || a == b;
        a = b = T(0);
        if (same) continue;
        noise_[0] = kInfinity;
        note_error(kInfinity, next_element_ + i);
        // The zeros are counted in the first bin later; the counts are unsigned, and their sums
        // come out right.
        if (scale_ > 0) {
            --sums_.histogram.front();
            ++sums_.histogram.back();
        }
    }
}

template <typename T>
void DifferenceTile::add_squares(const Block<T>& block, T largest_value, T largest_error) {
    const int signal_exponent = factor_exponent(largest_value);
    const int noise_exponent = factor_exponent(largest_error);
    const T signal_factor = std::ldexp(T(1), signal_exponent);
    const T noise_factor = std::ldexp(T(1), noise_exponent);
    T signal[kLanes] = {};
    T noise[kLanes] = {};
    for (std::size_t i = 0; i < block.padded; i += kLanes) {
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            const T scaled_value = block.a[i + lane] * signal_factor;
            const T scaled_error = block.error[i + lane] * noise_factor;
            signal[lane] += scaled_value * scaled_value;
            noise[lane] += scaled_error * scaled_error;
        }
    }
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
        signal_[lane] += std::ldexp(static_cast<double>(signal[lane]), -2 * signal_exponent);
        noise_[lane] += std::ldexp(static_cast<double>(noise[lane]), -2 * noise_exponent);
    }
}

template <typename T>
void DifferenceTile::add_products(const Block<T>& block) {
    for (std::size_t i = 0; i < block.padded; i += kLanes) {
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            const auto a = static_cast<double>(block.a[i + lane]);
            const auto b = static_cast<double>(block.b[i + lane]);
            dot_aa_[lane] += a * a;
            dot_bb_[lane] += b * b;
            dot_ab_[lane] += a * b;
        }
    }
}

/// Squares and products that may leave a double's range: summed in order, each factor scaled by its
/// largest.
void DifferenceTile::add_wide(const Block<double>& block) {
    const auto sum_of = [&](const double* a, const double* b) {
        const double largest_a = largest_of(a, block.padded);
        const double largest_b = largest_of(b, block.padded);
        if (largest_a == 0 || largest_b == 0) return WideSum();
        if (std::isinf(largest_a) || std::isinf(largest_b)) return WideSum(kInfinity);
        const int place_a = std::ilogb(largest_a);
        const int place_b = std::ilogb(largest_b);
        double sum = 0;
        for (std::size_t i = 0; i < block.count; ++i)
            sum += std::ldexp(a[i], -place_a) * std::ldexp(b[i], -place_b);
        return WideSum::scaled(sum, place_a + place_b);
    };
    wide_.signal += sum_of(block.a, block.a);
    wide_.noise += sum_of(block.error, block.error);
    wide_.dot_aa += sum_of(block.a, block.a);
    wide_.dot_bb += sum_of(block.b, block.b);
    wide_.dot_ab += sum_of(block.a, block.b);
}

template <typename T>
void DifferenceTile::add_counts(const Block<T>& block) {
    unsigned flips = 0;
    unsigned zeros = 0;
    for (std::size_t i = 0; i < block.padded; ++i) {
        const T a = block.a[i];
        const T b = block.b[i];
        flips +=
            static_cast<unsigned>((a < 0) & (b > 0)) | static_cast<unsigned>((a > 0) & (b < 0));
        zeros += static_cast<unsigned>(a != 0) & static_cast<unsigned>(b == 0);
    }
    sums_.sign_flips += flips;
    sums_.to_zero += zeros;
    if (!(scale_ > 0)) return;
    const double eighth = scale_ / 8;  // exact, so that the edges are
    for (std::size_t i = 0; i < block.count; ++i) {
        const double eighths =
            std::min(std::fabs(static_cast<double>(block.error[i])) / eighth, 32.0);
        const auto k = static_cast<std::size_t>(eighths);
        ++sums_.histogram[k < 8 ? k : k < 16 ? 8 : k < 32 ? 9 : 10];
    }
}

template <typename T>
void DifferenceTile::add_block(Block<T>& block) {
    if (!all_finite(block.a, block.padded) || !all_finite(block.b, block.padded))
        settle_non_finite(block);
    for (std::size_t i = 0; i < block.padded; ++i) block.error[i] = block.a[i] - block.b[i];
    const T largest_error = largest_of(block.error, block.padded);
    if constexpr (std::is_same_v<T, float>) {
        if (std::isinf(largest_error)) {  // which it is not in float64
            Block<double> wider(block.a, block.b, block.count);
            return add_block(wider);
        }
    }
    if (static_cast<double>(largest_error) > sums_.max_abs_error) {
        const T* const found = std::find_if(block.error, block.error + block.count, [&](T error) {
            return std::fabs(error) == largest_error;
        });
        note_error(static_cast<double>(largest_error),
                   next_element_ + static_cast<std::uint64_t>(found - block.error));
    }
    const T largest_a = largest_of(block.a, block.padded);
    if constexpr (std::is_same_v<T, double>) {
        if (is_wide(largest_a) || is_wide(largest_of(block.b, block.padded)) ||
            is_wide(largest_error)) {
            add_wide(block);
            add_counts(block);
            next_element_ += block.count;
            return;
        }
    }
    add_squares(block, largest_a, largest_error);
    add_products(block);
    add_counts(block);
    next_element_ += block.count;
}

template <typename T>
void DifferenceTile::add_all(std::span<const T> a, std::span<const T> b) {
    for (std::size_t first = 0; first < a.size(); first += kernels::kFoldElements) {
        Block<T> block(a.data() + first, b.data() + first,
                       std::min(kernels::kFoldElements, a.size() - first));
        add_block(block);
    }
}

void DifferenceTile::add(std::span<const float> a, std::span<const float> b) {
    add_all(a, b);
}

void DifferenceTile::add(std::span<const double> a, std::span<const double> b) {
    add_all(a, b);
}

DifferenceSums DifferenceTile::sums() const {
    DifferenceSums sums = sums_;
    sums.signal = tree_sum(signal_);
    sums.noise = tree_sum(noise_);
    sums.dot_aa = tree_sum(dot_aa_);
    sums.dot_bb = tree_sum(dot_bb_);
    sums.dot_ab = tree_sum(dot_ab_);
    sums.merge(wide_);
    return sums;
}

}  // namespace octet::quant
