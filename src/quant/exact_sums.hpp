// Error sums formed once more in float64, each run of 512 elements scaled by the power of two that
// brings its largest value and its largest error into [1, 2): nothing overflows, nothing that
// counts vanishes. The loops sum float32 squares scaled by one factor a tensor, which is exact to
// float32's digits for everything but extremes (mixed magnitudes, subnormals, float64 below
// 1e-150); this is for those, which are_lossy() tells from the sums themselves. Slow and scalar:
// ordinary tiles never come here.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/kernels.hpp"
#include "quant/error_sums.hpp"

namespace octet::quant {

/// True where squares overflowed, or where so many may have vanished that it shows in six digits.
/// `magnitude` is the largest of the values, or more; 0 where all float32 values are 0. `exact`
/// says that the sums were formed in float64.
bool are_lossy(const kernels::LaneSums& lanes, std::uint64_t elements, float magnitude,
               bool exact) noexcept;

/// The sums of a tile, element by element in order.
class ExactSums {
  public:
    /// Values and what their codes came back as.
    void add(std::span<const float> values, std::span<const float> restored) noexcept;
    void add(std::span<const double> values, std::span<const float> restored) noexcept;

    const ErrorSums& sums() const noexcept { return sums_; }

  private:
    template <typename T>
    void add_runs(std::span<const T> values, std::span<const float> restored) noexcept;

    ErrorSums sums_;
};

}  // namespace octet::quant
