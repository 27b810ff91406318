// Lanes are added as a tree of fixed shape; powers of two that the loops multiplied with are taken
// out again exactly.
#include "quant/error_sums.hpp"

#include <algorithm>
#include <cmath>

#include "base/json_text.hpp"

namespace octet::quant {
namespace {

/// The factor is a power of two.
WideSum unscaled(double sum, float factor) {
    return WideSum::scaled(sum, -2 * std::ilogb(factor));
}

}  // namespace

double lane_sum(const double (&lanes)[kernels::kLanes]) noexcept {
    double sums[kernels::kLanes];
    std::copy(std::begin(lanes), std::end(lanes), std::begin(sums));
    for (std::size_t half = kernels::kLanes / 2; half > 0; half /= 2) {
        for (std::size_t i = 0; i < half; ++i) sums[i] += sums[i + half];
    }
    return sums[0];
}

void ErrorSums::merge(const ErrorSums& later) noexcept {
    signal += later.signal;
    noise += later.noise;
    max_abs_error = std::max(max_abs_error, later.max_abs_error);
    clipped += later.clipped;
}

ErrorSums tile_sums(const kernels::LaneSums& lanes, float signal, float noise) noexcept {
    return {unscaled(lane_sum(lanes.signal), signal), unscaled(lane_sum(lanes.noise), noise),
            lanes.max_abs_error, 0};
}

TensorStatistics tensor_statistics(const ErrorSums& sums, std::uint64_t elements, double bound) {
    TensorStatistics s;
    s.sqnr_db = six_digits(sqnr_db(sums.signal, sums.noise));
    s.rmse =
        elements == 0 ? 0.0 : six_digits(root_of_mean(sums.noise, static_cast<double>(elements)));
    s.max_abs_error = six_digits(sums.max_abs_error);
    s.bound = six_digits_up(bound);  // no error exceeds it as it is printed
    s.clipped = sums.clipped;
    return s;
}

}  // namespace octet::quant
