// Error statistics of a tensor, gathered tile by tile and merged in the order of the tiles, so that
// the result does not depend on who computed which tile.
#pragma once

#include <cstdint>

#include "kernels/kernels.hpp"
#include "octet/report.hpp"
#include "quant/wide_sum.hpp"

namespace octet::quant {

/// Sums of one tile or of a whole tensor, in the unit of the weights.
struct ErrorSums {
    WideSum signal;            ///< sum of x^2
    WideSum noise;             ///< sum of (x - x')^2
    double max_abs_error = 0;  ///< max |x - x'|
    std::uint64_t clipped = 0;

    void merge(const ErrorSums& later) noexcept;
};

/// The lanes of a reduction added up by a fixed tree.
double lane_sum(const double (&lanes)[kernels::kLanes]) noexcept;

/// A tile's lanes reduced by a fixed tree and brought back to the unit of the weights: `signal` and
/// `noise` are the factors of the loop.
ErrorSums tile_sums(const kernels::LaneSums& lanes, float signal, float noise) noexcept;

/// The statistics of a tensor of `elements` elements, rounded to six significant digits, the bound
/// upward.
TensorStatistics tensor_statistics(const ErrorSums& sums, std::uint64_t elements, double bound);

}  // namespace octet::quant
