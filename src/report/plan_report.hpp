// Exporters of what plan_quantize() found.
#pragma once

#include <string>

#include "octet/plan.hpp"

namespace octet::report {

/// Every tensor, then the reasons by number, then the totals.
std::string plan_text(const PlanReport& report, bool color);

/// One JSON object (docs/cli.md).
std::string plan_json(const PlanReport& report);

/// The JSON of `octet plan --list-schemes --json`: the names as `schemes`.
std::string schemes_json(const std::vector<Scheme>& schemes);

}  // namespace octet::report
