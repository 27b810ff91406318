// Each run is scaled by its own powers of two, squared and added in double, and scaled back as a
// WideSum.
#include "quant/exact_sums.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace octet::quant {
namespace {

constexpr std::size_t kRun = kernels::kFoldElements;

/// A square below the normal numbers errs by half of the least number at most, so that `elements`
/// of them cannot move the eighth digit of a sum that is larger than this.
double least_sum(std::uint64_t elements, bool exact) {
    return static_cast<double>(elements) * (exact ? 0x1p-1040 : 0x1p-124);
}

bool is_sound(double sum, std::uint64_t elements, bool exact) {
    return std::isfinite(sum) && sum >= least_sum(elements, exact);
}

/// The sum of the squares of up to kRun numbers, the largest of which is `largest`.
WideSum sum_of_squares(const double* numbers, std::size_t count, double largest) {
    if (largest == 0.0) return {};
    if (!std::isfinite(largest)) return {std::numeric_limits<double>::infinity()};
    const int place = std::ilogb(largest);
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const double scaled = std::ldexp(numbers[i], -place);
        sum += scaled * scaled;
    }
    return WideSum::scaled(sum, 2 * place);
}

double largest_of(const double* numbers, std::size_t count) {
    double largest = 0;
    for (std::size_t i = 0; i < count; ++i) largest = std::max(largest, std::fabs(numbers[i]));
    return largest;
}

}  // namespace

bool are_lossy(const kernels::LaneSums& lanes, std::uint64_t elements, float magnitude,
               bool exact) noexcept {
    const bool has_signal = magnitude != 0.0F || exact;
    if (has_signal && !is_sound(lane_sum(lanes.signal), elements, exact)) return true;
    return lanes.max_abs_error != 0.0 && !is_sound(lane_sum(lanes.noise), elements, exact);
}

template <typename T>
void ExactSums::add_runs(std::span<const T> values, std::span<const float> restored) noexcept {
    for (std::size_t first = 0; first < values.size(); first += kRun) {
        const std::size_t count = std::min(kRun, values.size() - first);
        double numbers[kRun];
        double errors[kRun];
        for (std::size_t i = 0; i < count; ++i) {
            numbers[i] = static_cast<double>(values[first + i]);
            errors[i] = numbers[i] - static_cast<double>(restored[first + i]);
        }
        const double largest_error = largest_of(errors, count);
        sums_.signal += sum_of_squares(numbers, count, largest_of(numbers, count));
        sums_.noise += sum_of_squares(errors, count, largest_error);
        sums_.max_abs_error = std::max(sums_.max_abs_error, largest_error);
    }
}

void ExactSums::add(std::span<const float> values, std::span<const float> restored) noexcept {
    add_runs(values, restored);
}

void ExactSums::add(std::span<const double> values, std::span<const float> restored) noexcept {
    add_runs(values, restored);
}

}  // namespace octet::quant
