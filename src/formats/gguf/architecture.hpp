// The architectures that octet writes as GGUF: one row each, from `model_type` of config.json to
// names of tensors and keys. What llama.cpp does not compute is refused by the key of config.json
// that asks for it.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "formats/gguf/gguf_format.hpp"
#include "formats/gguf/model_config.hpp"
#include "formats/gguf/names.hpp"

namespace octet::gguf {

struct Architecture {
    std::string_view name;                          ///< `general.architecture`
    std::span<const std::string_view> model_types;  ///< of config.json
    std::span<const NameRow> (*names)();

    bool ties_by_default;  ///< the head is the embedding where config.json does not say

    /// Adds the keys of the architecture, each of which begins with its name. kBadInput.
    void (*add_keys)(const ModelConfig& config, Keys& keys);

    /// The values of `rope_freqs.weight`, which llama.cpp takes from the file; null, or none: there
    /// is no such tensor.
    std::vector<float> (*frequencies)(const ModelConfig& config) = nullptr;
};

/// All of them.
std::span<const Architecture> architectures();

/// That of `model_type`, or null.
const Architecture* architecture_of(std::string_view model_type);

/// That of `general.architecture`, or null.
const Architecture* architecture_named(std::string_view name);

/// The one of this config. None: kBadInput naming those that there are.
const Architecture& need_architecture(const ModelConfig& config);

// The functions of the rows, a family a file.
void add_gpt2_keys(const ModelConfig& config, Keys& keys);
void add_t5_keys(const ModelConfig& config, Keys& keys);
void add_llama_keys(const ModelConfig& config, Keys& keys);
std::vector<float> llama_frequencies(const ModelConfig& config);
void add_qwen2_keys(const ModelConfig& config, Keys& keys);
void add_qwen3_keys(const ModelConfig& config, Keys& keys);
void add_phi3_keys(const ModelConfig& config, Keys& keys);
void add_gemma2_keys(const ModelConfig& config, Keys& keys);
void add_gemma3_keys(const ModelConfig& config, Keys& keys);

}  // namespace octet::gguf
