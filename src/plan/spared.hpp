// What is too small to gain anything by, and too much to lose: the planner, and the presets of few
// bits, copy it. Pure.
#pragma once

#include <string>
#include <vector>

#include "octet/options.hpp"
#include "octet/report.hpp"
#include "plan/decide.hpp"

namespace octet::plan {

/// For each tensor that the planner decides why it is copied where the size allows, or nothing:
/// every router; and norms, tables of positions and the smallest other tensors (those that have
/// less than a thousandth of all bytes together), the smallest first, as long as they take at most
/// a four-hundredth of what all weights take at 8 bits. Kinds, roles and deciders are filled in.
std::vector<std::string> spared_by_planner(const Decisions& decisions);

/// Why the preset, one of a number of bits, copies a matrix that its kind would have quantized, or
/// nothing: routers, depthwise convolutions, rows of under 16 inputs, and what no scheme brings
/// into the budget.
std::string spared_by_budget(Preset preset, const TensorReport& tensor);

}  // namespace octet::plan
