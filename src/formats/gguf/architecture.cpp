// The table and its look-ups, by the words of config.json and by those of a file.
#include "formats/gguf/architecture.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.hpp"

namespace octet::gguf {
namespace {

constexpr std::string_view kGpt2[] = {"gpt2"};
constexpr std::string_view kT5[] = {"t5"};
constexpr std::string_view kLlama[] = {"llama", "mistral"};
constexpr std::string_view kQwen2[] = {"qwen2"};
constexpr std::string_view kQwen3[] = {"qwen3"};
constexpr std::string_view kPhi3[] = {"phi3"};
constexpr std::string_view kGemma2[] = {"gemma2"};
constexpr std::string_view kGemma3[] = {"gemma3_text"};

constexpr Architecture kArchitectures[] = {
    {"gpt2", kGpt2, gpt2_names, true, add_gpt2_keys},
    {"t5", kT5, t5_names, true, add_t5_keys},
    {"llama", kLlama, llama_names, false, add_llama_keys, llama_frequencies},
    {"qwen2", kQwen2, qwen_names, false, add_qwen2_keys},
    {"qwen3", kQwen3, qwen_names, false, add_qwen3_keys},
    {"phi3", kPhi3, phi3_names, false, add_phi3_keys},
    {"gemma2", kGemma2, gemma_names, true, add_gemma2_keys},
    {"gemma3", kGemma3, gemma_names, true, add_gemma3_keys},
};

}  // namespace

std::span<const Architecture> architectures() {
    return kArchitectures;
}

const Architecture* architecture_of(std::string_view model_type) {
    for (const Architecture& one : kArchitectures) {
        if (std::find(one.model_types.begin(), one.model_types.end(), model_type) !=
            one.model_types.end())
            return &one;
    }
    return nullptr;
}

const Architecture* architecture_named(std::string_view name) {
    const auto* const found =
        std::find_if(std::begin(kArchitectures), std::end(kArchitectures),
                     [&](const Architecture& one) { return one.name == name; });
    return found == std::end(kArchitectures) ? nullptr : found;
}

const Architecture& need_architecture(const ModelConfig& config) {
    const std::string type = config.text_or("model_type", "");
    if (type.empty()) config.refuse("has no \"model_type\"; give the model's own config.json");
    if (const Architecture* const found = architecture_of(type)) return *found;
    std::vector<std::string_view> known;
    for (const Architecture& one : kArchitectures)
        known.insert(known.end(), one.model_types.begin(), one.model_types.end());
    config.refuse(fmt::format(
        "\"model_type\" is {}, and octet writes GGUF files of {}; --arch none writes weights "
        "alone",
        in_quotes(type), fmt::join(known, ", ")));
}

}  // namespace octet::gguf
