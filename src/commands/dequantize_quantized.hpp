// dequantize() of a checkpoint that came quantized by another method.
#pragma once

#include <filesystem>

#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet::commands {

/// Writes the plain checkpoint: the source's shards, index and companions, config.json without what it says of codes. kUsage,
/// kBadInput (no weight came quantized by a method that is read, state that is missing or broken), kIo.
Report dequantize_quantized(const std::filesystem::path& path, const std::filesystem::path& output,
                            const DequantizeOptions& options);

}  // namespace octet::commands
