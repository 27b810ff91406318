// The presets that name a number of bits a weight: the best scheme of a matrix within a budget. Pure arithmetic on shapes.
#pragma once

#include "octet/options.hpp"
#include "octet/scheme.hpp"

namespace octet::plan {

/// True for q8, q6 and q4.
bool is_budget(Preset preset) noexcept;

/// The scheme of a matrix of that shape under a budget preset: two levels with a search, the smallest groups whose codes and state
/// need at most 8.5, 6.5625 or 4.5 bits a weight. Rows so short that the floats of two levels cost too much (under 96
/// inputs) are one group with F16 state; under 64 inputs nothing fits, and the budget is exceeded.
Scheme fitting_scheme(Preset preset, const Shape& shape, OutputAxis axis);

}  // namespace octet::plan
