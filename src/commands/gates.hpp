// The limits that a user sets on a result, and whether its figures keep them. Pure arithmetic on
// finished reports.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet::commands {

/// What the gates look at of one tensor.
struct TensorFigures {
    std::string_view name;
    double sqnr_db = 0;
    double max_abs_error = 0;
};

/// A limit that no figure can be held against: kUsage naming the option. Asked before the work
/// begins.
void check_limits(const Gates& gates);

/// One check for each gate that is set. Without any tensor nothing was lost, and only the size can
/// fail.
std::vector<Check> check_gates(const Gates& gates, std::span<const TensorFigures> tensors,
                               const Totals& totals);

/// The same on the quantized tensors of a report.
std::vector<Check> check_gates(const Gates& gates, const Report& report);

}  // namespace octet::commands
