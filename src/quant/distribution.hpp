// How the values of one large block (a whole tensor, a long channel) are spread: in a few thousand
// bins, or one by one where they are few. From it a scale and a zero point that lose little,
// without another look at the values. Counts are whole numbers, so they do not depend on the order
// in which values are counted; what follows from them is scalar float64 in one order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/kernels.hpp"
#include "octet/scheme.hpp"
#include "quant/block_state.hpp"

namespace octet::quant {

/// Bins of a window.
inline constexpr std::uint32_t kBins = 1U << 14U;

/// Blocks of up to this many values keep them all, sorted, instead of bins.
inline constexpr std::uint64_t kMostPoints = 1U << 14U;

/// Blocks of up to this many are measured value by value, on the lanes of the kernels: quicker than
/// by their codes.
inline constexpr std::uint64_t kFewPoints = 1024;

/// Equal bins: value x lies in bin trunc((x - low) * factor), limited to the bins that there are;
/// each operation in float32.
struct Window {
    float low = 0;
    float factor = 0;  ///< bins in one unit
};

/// Of bins that reach from `low` to `high`. The factor is infinite where they lie too close, 0
/// where their distance overflows.
Window window_of(float low, float high) noexcept;

/// Bins of a window that another window, `inner`, cuts finer.
struct Zoom {
    Window inner;
    std::uint32_t first = 0;  ///< bins of the outer window: [first, last)
    std::uint32_t last = 0;
};

/// Adds values within [low, high] of the window to its kBins counts.
void count_values(std::span<const float> values, const Window& window,
                  std::uint32_t* counts) noexcept;

/// Adds those of the values that lie in bins [first, last) of `outer` to the counts of the inner
/// window.
void count_values(std::span<const float> values, const Window& outer, const Zoom& zoom,
                  std::uint32_t* counts) noexcept;

class Distribution {
  public:
    /// Of values, in ascending order.
    explicit Distribution(std::span<const float> sorted);

    /// Of bins, each as if all its values lay in its middle.
    Distribution(const Window& window, std::span<const std::uint64_t> counts);

    /// Puts the finer bins of the zoom in the place of those that they cut.
    void refine(const Zoom& zoom, std::span<const std::uint64_t> counts);

    /// The sum of squared errors under that state, whose scale is normal; exact but for what bins
    /// blur, and for some parts in 100,000 where values are few.
    double noise_of(const Scheme& scheme, const BlockState& state) const;

    /// The range whose state has, with the codes that `state` gives, the least noise: one step of
    /// least squares.
    kernels::Range fitted(const Scheme& scheme, const BlockState& state) const;

    double middle() const noexcept;  ///< the median

    /// Bins that are worth a closer look under that state: a code's step is only a few of them
    /// wide. Nothing where bins are fine enough.
    bool is_coarse_for(const BlockState& state) const noexcept;
    Zoom zoom_around(const kernels::Range& range) const noexcept;

  private:
    /// Sums over the points before one: number of values, their sum and their squares' from
    /// `origin_` on.
    struct Sums {
        double count = 0;
        double value = 0;
        double square = 0;
    };

    void add_point(double value, double count);
    double value_of(std::size_t point) const noexcept;
    std::size_t index_of(double boundary, std::size_t least) const noexcept;
    std::size_t bin_of(const Window& window, double boundary) const noexcept;
    template <typename Visit>
    void for_each_code(const Scheme& scheme, const BlockState& state, Visit visit) const;

    double origin_ = 0;
    std::vector<float> few_;      // the values, where they are few
    std::vector<double> values_;  // empty where points are bins
    std::vector<Sums> before_;    // one more than points
    Window window_;
    Zoom zoom_;
    std::vector<std::uint64_t> counts_;  // of the bins of window_
};

struct SearchedState {
    BlockState state;
    kernels::Range range;  ///< that it is the state of
};

/// A state that has little noise under the scheme, whose scale dtype is not two-level, for ranges
/// between the ends of `from` and somewhat beyond: the best few of three hundred, moved end by end
/// in ever smaller steps, and least squares. `from` has a state with a normal scale.
SearchedState search_state(const Scheme& scheme, const Distribution& values,
                           const kernels::Range& from);

}  // namespace octet::quant
