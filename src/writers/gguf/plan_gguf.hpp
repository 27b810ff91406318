// plan_quantize() of a GGUF file.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "octet/plan.hpp"

namespace octet::writers {

/// What GgufWriter would write: each tensor's type and why, the bytes of the files exactly. As
/// plan_quantize(); `notes` are for stderr.
PlanReport plan_gguf(const std::filesystem::path& input, const QuantizeOptions& options, bool scan,
                     std::vector<std::string>& notes);

}  // namespace octet::writers
