// plan_quantize() of a GGUF file.
#pragma once

#include <filesystem>

#include "octet/plan.hpp"

namespace octet::commands {

/// What quantize_gguf() would write: each tensor's type and why, the bytes of the files exactly. As plan_quantize().
PlanReport plan_gguf(const std::filesystem::path& input, const QuantizeOptions& options, bool scan);

}  // namespace octet::commands
