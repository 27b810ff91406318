// Two runs of values held against each other: sums of squares, the largest error and where it is,
// signs, zeros, a histogram. Works on memory only. Squares are summed in the lanes and folds of the
// kernels (kernels.hpp), so that a checkpoint compared with its set gives the figures that
// quantizing it gave.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>

#include "kernels/kernels.hpp"
#include "quant/wide_sum.hpp"

namespace octet::quant {

/// Edges of the histogram of |error| / scale. Rounding to nearest stays in the first four bins,
/// truncating in the first eight, but for the float32 roundings of restoring.
inline constexpr std::array<double, 12> kHistogramEdges = {
    0,    0.125, 0.25, 0.375, 0.5, 0.625,
    0.75, 0.875, 1,    2,     4,   std::numeric_limits<double>::infinity()};
inline constexpr std::size_t kHistogramBins = kHistogramEdges.size() - 1;

/// What was found so far, in the unit of the weights.
struct DifferenceSums {
    WideSum signal;  ///< sum of a^2
    WideSum noise;   ///< sum of (a - b)^2
    WideSum dot_aa;  ///< sum of a^2 in double, to go with the next two
    WideSum dot_bb;
    WideSum dot_ab;
    double max_abs_error = 0;
    std::uint64_t max_element = 0;  ///< the first with that error
    std::uint64_t sign_flips = 0;
    std::uint64_t to_zero = 0;
    std::array<std::uint64_t, kHistogramBins> histogram{};

    /// Adds what was found further behind.
    void merge(const DifferenceSums& later) noexcept;
};

/// 1 between zeros, 0 between zeros and others, else the cosine of the angle, not rounded.
double cosine(const DifferenceSums& sums) noexcept;

/// The sums of one tile, gathered piece by piece.
class DifferenceTile {
  public:
    /// `scale` 0: no histogram. `first_element` is the tile's place in its tensor.
    DifferenceTile(double scale, std::uint64_t first_element)
        : scale_(scale), next_element_(first_element) {}

    /// The next elements, as many of `a` as of `b`. A piece that is not the tile's last has a
    /// multiple of kFoldElements.
    void add(std::span<const float> a, std::span<const float> b);
    void add(std::span<const double> a, std::span<const double> b);

    DifferenceSums sums() const;

  private:
    using Lanes = double[kernels::kLanes];

    template <typename T>
    struct Block;
    template <typename T>
    void add_all(std::span<const T> a, std::span<const T> b);
    template <typename T>
    void add_block(Block<T>& block);
    template <typename T>
    void settle_non_finite(Block<T>& block);
    template <typename T>
    void add_squares(const Block<T>& block, T largest_value, T largest_error);
    template <typename T>
    void add_products(const Block<T>& block);
    void add_wide(const Block<double>& block);
    template <typename T>
    void add_counts(const Block<T>& block);

    void note_error(double error, std::uint64_t element);

    double scale_;
    std::uint64_t next_element_;
    Lanes signal_{};
    Lanes noise_{};
    Lanes dot_aa_{};
    Lanes dot_bb_{};
    Lanes dot_ab_{};
    DifferenceSums wide_;  // sums of the blocks that lanes cannot hold
    DifferenceSums sums_;
};

}  // namespace octet::quant
