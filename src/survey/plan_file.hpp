// The JSON that `octet plan -o FILE` wrote, as findings: a run that takes them decides as the plan
// says, without looking at values.
#pragma once

#include <filesystem>

#include "checkpoint/checkpoint.hpp"
#include "octet/options.hpp"
#include "survey/findings.hpp"

namespace octet::survey {

/// What the plan found out about this checkpoint's values. kBadInput: it is no plan, one of another
/// checkpoint or of a format that is not octet's set, or it did not read the values. kUsage: it was
/// made with the planner and `options` do not ask for it, or the other way round. kIo.
Findings read_plan(const std::filesystem::path& file, const checkpoint::Checkpoint& checkpoint,
                   const QuantizeOptions& options);

}  // namespace octet::survey
