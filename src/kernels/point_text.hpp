// How well a state suits the values of one block: the sum of squared errors in steps of a code, on
// the 16 virtual lanes (docs/quantization.md, "Range search"). One text for registers and for
// `float`.
#pragma once

#include "kernels/column_text.hpp"

namespace octet::kernels {
namespace {

template <typename L>
double noise_of_points(const float* values, std::size_t count, const PointFit& fit) {
    using R = typename L::Register;
    constexpr std::size_t kRegisters = kLanes / L::kColumns;
    const float reciprocal = 1.0F / fit.scale;
    // x in steps, less its code
    const auto error_of = [&]<typename One>(One, typename One::Register x) {
        const auto step = (x - One::all(fit.zero_point)) * One::all(reciprocal);
        return step - One::least(One::largest(One::nearest(step), One::all(fit.least_code)),
                                 One::all(fit.largest_code));
    };
    R sums[kRegisters];
    for (R& sum : sums) sum = L::all(0.0F);
    std::size_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
        for (std::size_t r = 0; r < kRegisters; ++r) {
            const R error = error_of(L(), L::load(values + i + r * L::kColumns));
            sums[r] = sums[r] + error * error;
        }
    }
    alignas(64) float lanes[kLanes];
    for (std::size_t r = 0; r < kRegisters; ++r) L::store(sums[r], lanes + r * L::kColumns);
    for (std::size_t lane = 0; i < count; ++i, ++lane) {
        const float error = error_of(ScalarColumns(), values[i]);
        lanes[lane] = lanes[lane] + error * error;
    }
    double noise = 0;
    for (const float lane : lanes) noise += static_cast<double>(lane);
    return noise;
}

}  // namespace
}  // namespace octet::kernels
