// The presets that name a number of bits a weight: the best scheme of a matrix within a budget.
// Pure arithmetic on shapes.
#pragma once

#include <optional>

#include "octet/options.hpp"
#include "octet/scheme.hpp"

namespace octet::plan {

/// True for q8, q6 and q4.
bool is_budget(Preset preset) noexcept;

/// The scheme of a matrix of that shape under a budget preset: two levels with a search, the
/// smallest groups whose codes and state need at most 8.5, 6.5625 or 4.5 bits a weight. Rows so
/// short that the floats of two levels cost too much (under 96 inputs) have one F16 scale and zero
/// point each, under 64 a scale alone. Nothing where that is too much as well (under 32). `axis`
/// and `batch` as of the tensor's report.
std::optional<Scheme> fitting_scheme(Preset preset, const Shape& shape, OutputAxis axis,
                                     bool batch = false);

}  // namespace octet::plan
