#include "quant/error_sums.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/json_text.hpp"

namespace octet::quant {
namespace {

double tree_sum(const double (&lanes)[kernels::kLanes]) {
    double sums[kernels::kLanes];
    std::copy(std::begin(lanes), std::end(lanes), std::begin(sums));
    for (std::size_t half = kernels::kLanes / 2; half > 0; half /= 2) {
        for (std::size_t i = 0; i < half; ++i) sums[i] += sums[i + half];
    }
    return sums[0];
}

double unscaled(double sum, float factor) {
    const double f = static_cast<double>(factor);
    return sum / (f * f);  // a power of two: exact
}

}  // namespace

void ErrorSums::merge(const ErrorSums& later) noexcept {
    signal += later.signal;
    noise += later.noise;
    max_abs_error = std::max(max_abs_error, later.max_abs_error);
    clipped += later.clipped;
}

ErrorSums tile_sums(const kernels::LaneSums& lanes, const kernels::Affine& affine) noexcept {
    return {unscaled(tree_sum(lanes.signal), affine.signal_factor),
            unscaled(tree_sum(lanes.noise), affine.noise_factor), lanes.max_abs_error, 0};
}

double sqnr_db(double signal, double noise) noexcept {
    if (noise == 0.0) return std::numeric_limits<double>::infinity();
    return 10.0 * std::log10(signal / noise);
}

TensorStatistics tensor_statistics(const ErrorSums& sums, std::uint64_t elements, double bound) {
    TensorStatistics s;
    s.sqnr_db = six_digits(sqnr_db(sums.signal, sums.noise));
    s.rmse = elements == 0 ? 0.0 : six_digits(std::sqrt(sums.noise / static_cast<double>(elements)));
    s.max_abs_error = six_digits(sums.max_abs_error);
    s.bound = six_digits_up(bound);  // no error exceeds it as it is printed
    s.clipped = sums.clipped;
    return s;
}

}  // namespace octet::quant
