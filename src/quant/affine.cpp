#include "quant/affine.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace octet::quant {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

bool is_empty(const kernels::Range& range) {
    return range.min > range.max;
}

float magnitude_of(const kernels::Range& range) {
    return std::max(std::fabs(range.min), std::fabs(range.max));
}

double ulp_of(float magnitude) {
    const int exponent = magnitude == 0.0F ? -126 : std::max(std::ilogb(magnitude), -126);
    return std::ldexp(1.0, exponent - 23);
}

}  // namespace

kernels::Range empty_range() noexcept {
    return {kInfinity, -kInfinity, true};
}

bool overflows(const kernels::Range& range) noexcept {
    return !is_empty(range) && std::isinf(range.max - range.min);
}

AffineState affine_state(const kernels::Range& range) noexcept {
    if (is_empty(range)) return {};
    const float span = range.max - range.min;
    // Adding +0 turns a minimum of -0 into +0 and changes nothing else.
    return {span / static_cast<float>(kMaxCode), range.min + 0.0F};
}

float factor_for_squares(float magnitude) noexcept {
    constexpr int kHarmless = 31;  // 2^64 times the elements of a fold is far from overflowing, 2^-62 from vanishing
    if (magnitude == 0.0F || std::isinf(magnitude) || std::abs(std::ilogb(magnitude)) <= kHarmless) return 1.0F;
    return std::ldexp(1.0F, std::clamp(-std::ilogb(magnitude), -126, 127));
}

kernels::Affine loop_parameters(const AffineState& state, const kernels::Range& range) noexcept {
    const float divisor = state.scale == 0.0F ? kInfinity : state.scale;
    const float signal = is_empty(range) ? 0.0F : magnitude_of(range);
    // Subtracting and dividing never reverse an order: no other value has a larger quotient.
    const bool has_limit = !is_empty(range) && !((range.max - state.zero_point) / divisor < 255.5F);
    return {divisor,  state.scale, state.zero_point, factor_for_squares(signal), factor_for_squares(state.scale),
            has_limit};
}

double error_bound(const AffineState& state, const kernels::Range& range, Rounding rounding, Dtype source) noexcept {
    if (is_empty(range)) return 0.0;
    const double span = static_cast<double>(range.max) - static_cast<double>(range.min);
    const double ulp = ulp_of(magnitude_of(range));
    // Subtracting, dividing and multiplying err by half an ulp of the span or a hair more each, adding by one.
    const double slack = ulp + 2 * ulp_of(range.max - range.min);
    const double narrowing = source == Dtype::kF64 ? ulp / 2 : 0.0;
    if (state.scale == 0.0F) return span + narrowing;
    const double scale = static_cast<double>(state.scale);
    const double rounded = rounding == Rounding::kNearest ? scale / 2 : scale;
    const double clipped = span - static_cast<double>(kMaxCode) * scale;
    return std::max(rounded, clipped) + slack + narrowing;
}

bool may_clip(const AffineState& state, const kernels::Range& range, Rounding rounding) noexcept {
    if (is_empty(range) || state.scale == 0.0F) return false;
    const float largest = (range.max - state.zero_point) / state.scale;
    const float code = rounding == Rounding::kNearest ? std::nearbyint(largest) : std::trunc(largest);
    return code > static_cast<float>(kMaxCode);
}

}  // namespace octet::quant
