// How a checkpoint came quantized, as its config.json declares it, and the line that says so. Reads
// that one small file; one that is absent or broken declares nothing, as nothing depends on it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "octet/report.hpp"

namespace octet::checkpoint {

/// "gptq" of a text with "quantization_config": {"quant_method": "gptq"}, also within
/// "text_config"; empty of any other.
std::string declared_method(std::string_view config);

/// The same of the checkpoint's config.json.
std::string method_of(const Checkpoint& checkpoint, io::Links links);

/// The config.json of the checkpoint's folder, or an empty path where that was not named or is a
/// link that may not be followed.
std::filesystem::path config_of(const Checkpoint& checkpoint, io::Links links);

/// Adds the line about weights that came quantized to `notes`, where there are any. `config` need
/// not exist.
void note_came_quantized(const std::vector<TensorReport>& tensors,
                         const std::filesystem::path& config, std::vector<std::string>& notes);

}  // namespace octet::checkpoint
