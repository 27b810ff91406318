// The model's config.json with the `quantization_config` that tells transformers and vLLM how the
// folder's weights are stored: one config group for each distinct way, with the modules that it is
// for. Every other byte of the text stays.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/compressed_tensors/format.hpp"
#include "octet/scheme.hpp"

namespace octet::compressed_tensors {

/// Modules whose weights are stored alike.
struct ConfigGroup {
    Scheme scheme;
    std::vector<std::string> modules;  ///< full names, in file order
};

/// What a config.json says.
struct ModelConfig {
    std::string text;
    std::string model_type;  ///< "t5"; empty where it names none
};

/// `text` of the file `name`: kBadInput where it is no JSON object, or has a `quantization_config`
/// already.
ModelConfig parse_config(std::string text, const std::string& name);

/// True where the config groups of both are the same: bits, zero points, granularity.
bool are_one_group(const Scheme& a, const Scheme& b) noexcept;

/// The text with `quantization_config` behind its last member. Of one group the target is every
/// Linear module but `ignore`; of several, which are told apart by name, the names.
std::string with_quantization(const ModelConfig& config, Packing packing,
                              const std::vector<ConfigGroup>& groups,
                              const std::vector<std::string>& ignore);

}  // namespace octet::compressed_tensors
