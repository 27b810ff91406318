// Exporters of what plan_quantize() found.
#pragma once

#include <cstdint>
#include <string>

#include "base/json_text.hpp"
#include "octet/plan.hpp"
#include "report/text_parts.hpp"

namespace octet::report {

/// What of a plan is shown to people.
enum class PlanTable : std::uint8_t {
    kTensors,  ///< a row for each tensor
    kSchemes,  ///< a row for each scheme: how many tensors, their bytes, bits per weight
};

/// Every tensor, or every scheme, then the reasons by number, then the totals. A sink, where there
/// is one, gets the text as it is made, but for the end of it.
std::string plan_text(const PlanReport& report, const TextStyle& style, PlanTable table,
                      const TextSink& sink = {});

/// One JSON object (docs/cli.md); the sink as above.
std::string plan_json(const PlanReport& report, const TextSink& sink = {});

/// The JSON of `octet plan --list-schemes --json`: the names as `schemes`.
std::string schemes_json(const std::vector<Scheme>& schemes);

}  // namespace octet::report
