// dequantize() of a GGUF file: a plain checkpoint of what its blocks stand for, and with --like the
// companions of the model.
#pragma once

#include <filesystem>

#include "octet/octet.hpp"

namespace octet::commands {

/// As dequantize(); `path` is a GGUF file.
Report dequantize_gguf(const std::filesystem::path& path, const std::filesystem::path& output,
                       const DequantizeOptions& options);

}  // namespace octet::commands
