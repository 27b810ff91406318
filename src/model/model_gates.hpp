// The limits on what a model says.
#pragma once

#include <vector>

#include "octet/model.hpp"

namespace octet::model {

/// A limit that is not finite or that no figure can hold, or one about a reference where there is
/// none: kUsage. Asked before the work begins.
void check_limits(const ModelGates& gates, bool has_reference);

/// One check for each gate that is set. Figures are judged as they are printed, in six significant
/// digits.
std::vector<Check> check_gates(const ModelGates& gates, const Evaluation& evaluation);

}  // namespace octet::model
