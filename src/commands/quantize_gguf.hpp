// A checkpoint as one file for llama.cpp.
#pragma once

#include <filesystem>

#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet::commands {

/// As quantize(), with a type of GGUF in `options`.
Report quantize_gguf(const std::filesystem::path& input, const std::filesystem::path& output,
                     const QuantizeOptions& options);

}  // namespace octet::commands
