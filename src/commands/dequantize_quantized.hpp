// dequantize() of a checkpoint that came quantized by another method.
#pragma once

#include <filesystem>
#include <optional>

#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet::commands {

/// Writes the plain checkpoint: the source's shards, index and companions, config.json without what
/// it says of codes. Nothing where no weight came quantized, or no checkpoint is there. kUsage,
/// kBadInput (a method that is not read, state that is missing or broken), kIo.
std::optional<Report> dequantize_quantized(const std::filesystem::path& path,
                                           const std::filesystem::path& output,
                                           const DequantizeOptions& options);

}  // namespace octet::commands
