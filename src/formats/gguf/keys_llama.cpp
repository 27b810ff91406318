// Llama and its descendants. Where transformers looks back no further than a window and llama.cpp
// looks at all tokens, the context ends at the window: within it both compute the same.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include <fmt/format.h>

#include "formats/gguf/architecture.hpp"
#include "formats/gguf/key_list.hpp"

namespace octet::gguf {
namespace {

constexpr std::uint32_t kDefaultPositions = 2048;

struct Heads {
    std::uint32_t count = 0;
    std::uint32_t of_keys = 0;
    std::uint32_t width = 0;
};

Heads heads_of(const ModelConfig& config) {
    Heads heads;
    heads.count = config.size("num_attention_heads");
    heads.of_keys = config.size_or("num_key_value_heads", heads.count);
    const std::uint32_t hidden = config.size("hidden_size");
    heads.width = config.size_or("head_dim", std::max(hidden / heads.count, 1U));
    if (heads.count % heads.of_keys != 0)
        config.refuse(
            fmt::format("\"num_attention_heads\" {} is no multiple of \"num_key_value_heads\" {}",
                        heads.count, heads.of_keys));
    return heads;
}

/// What config.json says of rotary positions: in an object of its own since transformers 5, which
/// may have one for each kind of layer.
ModelConfig rope_of(const ModelConfig& config) {
    if (!config.has("rope_parameters")) return config.part("rope_scaling");
    ModelConfig rope = config.part("rope_parameters");
    return rope.has("full_attention") ? rope.part("full_attention") : std::move(rope);
}

std::string rope_type(const ModelConfig& rope) {
    return rope.text_or("rope_type", rope.text_or("type", "default"));
}

double rope_base(const ModelConfig& config, double otherwise) {
    return rope_of(config).number_or("rope_theta", config.number_or("rope_theta", otherwise));
}

[[noreturn]] void refuse_scaling(const ModelConfig& config) {
    const char* const key = config.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
    config.refuse(fmt::format(
        "\"{}\" is {}, which octet does not write as GGUF; --arch none writes weights alone", key,
        config.shown(key)));
}

void add_scaling(const ModelConfig& config, bool has_frequencies, KeyList& list) {
    const ModelConfig rope = rope_of(config);
    const std::string type = rope_type(rope);
    if (type == "default" || (type == "llama3" && has_frequencies)) return;
    if (type != "linear" && type != "yarn") refuse_scaling(config);
    list.add("rope.scaling.type", type);
    list.add("rope.scaling.factor", rope.number_or("factor", 1.0));
    if (type == "yarn")
        list.add("rope.scaling.original_context_length",
                 rope.size("original_max_position_embeddings"));
}

void refuse_activation(const ModelConfig& config, const char* key, std::string_view computed) {
    if (config.text_or(key, computed) != computed)
        config.refuse_variant(key, fmt::format("it has \"{}\"", computed));
}

/// The most tokens of a context for which nothing lies outside of a window.
std::uint32_t context_of(const ModelConfig& config, bool has_window) {
    const std::uint32_t positions = config.size_or("max_position_embeddings", kDefaultPositions);
    return has_window && config.has("sliding_window")
               ? std::min(positions, config.size("sliding_window"))
               : positions;
}

/// What all have in common.
void add_common_keys(const ModelConfig& config, std::uint32_t context, const Heads& heads,
                     KeyList& list) {
    list.add("block_count", config.size("num_hidden_layers"));
    list.add("context_length", context);
    list.add("embedding_length", config.size("hidden_size"));
    list.add("feed_forward_length", config.size("intermediate_size"));
    list.add("attention.head_count", heads.count);
    list.add("attention.head_count_kv", heads.of_keys);
    list.add("attention.layer_norm_rms_epsilon", config.number_or("rms_norm_eps", 1e-6));
}

void add_head_width(const Heads& heads, KeyList& list) {
    list.add("attention.key_length", heads.width);
    list.add("attention.value_length", heads.width);
}

/// Of each pair of a head's values: by how much its wavelength is stretched (transformers:
/// modeling_rope_utils.py, llama3).
std::vector<float> stretched_wavelengths(const ModelConfig& config, std::uint32_t width) {
    const ModelConfig rope = rope_of(config);
    const double base = rope_base(config, 10000.0);
    const double factor = rope.number_or("factor", 8.0);
    const double low = rope.number_or("low_freq_factor", 1.0);
    const double high = rope.number_or("high_freq_factor", 4.0);
    const double context = rope.number_or("original_max_position_embeddings", 8192.0);
    std::vector<float> factors;
    for (std::uint32_t i = 0; i < width; i += 2) {
        const double wavelength =
            2 * std::numbers::pi * std::pow(base, static_cast<double>(i) / width);
        double stretch = 1;
        if (wavelength > context / low) {
            stretch = factor;
        } else if (wavelength >= context / high) {
            const double share = (context / wavelength - low) / (high - low);
            stretch = 1 / ((1 - share) / factor + share);
        }
        factors.push_back(static_cast<float>(stretch));
    }
    return factors;
}

void refuse_experts(const ModelConfig& config) {
    for (const char* const key : {"num_local_experts", "num_experts"}) {
        if (config.has(key)) config.refuse_variant(key, "octet writes models without experts");
    }
}

}  // namespace

void add_llama_keys(const ModelConfig& config, Keys& keys) {
    refuse_activation(config, "hidden_act", "silu");
    refuse_experts(config);
    KeyList list("llama", keys);
    const Heads heads = heads_of(config);
    add_common_keys(config, context_of(config, config.text_or("model_type", "") == "mistral"),
                    heads, list);
    list.add("rope.freq_base", rope_base(config, 10000.0));
    list.add("rope.dimension_count", heads.width);
    add_head_width(heads, list);
    add_scaling(config, true, list);
}

std::vector<float> llama_frequencies(const ModelConfig& config) {
    if (rope_type(rope_of(config)) != "llama3") return {};
    return stretched_wavelengths(config, heads_of(config).width);
}

void add_qwen2_keys(const ModelConfig& config, Keys& keys) {
    refuse_activation(config, "hidden_act", "silu");
    KeyList list("qwen2", keys);
    const Heads heads = heads_of(config);
    add_common_keys(config, context_of(config, config.flag_or("use_sliding_window", false)), heads,
                    list);
    list.add("rope.freq_base", rope_base(config, 10000.0));
    add_scaling(config, false, list);
}

void add_qwen3_keys(const ModelConfig& config, Keys& keys) {
    refuse_activation(config, "hidden_act", "silu");
    KeyList list("qwen3", keys);
    const Heads heads = heads_of(config);
    add_common_keys(config, context_of(config, config.flag_or("use_sliding_window", false)), heads,
                    list);
    list.add("rope.freq_base", rope_base(config, 10000.0));
    add_head_width(heads, list);
    add_scaling(config, false, list);
}

void add_phi3_keys(const ModelConfig& config, Keys& keys) {
    refuse_activation(config, "hidden_act", "silu");
    KeyList list("phi3", keys);
    const Heads heads = heads_of(config);
    if (rope_type(rope_of(config)) != "default") refuse_scaling(config);
    const double part = rope_of(config).number_or("partial_rotary_factor",
                                                  config.number_or("partial_rotary_factor", 1.0));
    if (!(part > 0 && part <= 1))
        config.refuse("\"partial_rotary_factor\" is no number from 0 to 1");
    const std::uint32_t context = context_of(config, true);
    add_common_keys(config, context, heads, list);
    list.add("rope.dimension_count", static_cast<std::uint32_t>(part * heads.width));
    list.add("rope.freq_base", rope_base(config, 10000.0));
    list.add("rope.scaling.original_context_length",
             config.size_or("original_max_position_embeddings",
                            config.size_or("max_position_embeddings", context)));
    list.add("attention.sliding_window", std::uint32_t{0});
}

namespace {

/// llama.cpp divides by the width of a head, of the largest models by that of the embedding for
/// each head.
void refuse_scale(const ModelConfig& config, const Heads& heads, std::uint32_t layers_of_27b) {
    const bool is_27b = config.size("num_hidden_layers") == layers_of_27b;
    const double computed = is_27b ? config.size("hidden_size") / heads.count : heads.width;
    if (config.number_or("query_pre_attn_scalar", computed) != computed)
        config.refuse_variant("query_pre_attn_scalar", fmt::format("it has {}", computed));
}

/// Every so many layers one looks at all tokens.
void refuse_pattern(const ModelConfig& config, std::size_t pattern) {
    const std::vector<std::string> types = config.texts("layer_types");
    for (std::size_t i = 0; i < types.size(); ++i) {
        const std::string_view computed =
            (i + 1) % pattern == 0 ? "full_attention" : "sliding_attention";
        if (types[i] != computed)
            config.refuse_variant("layer_types", fmt::format("it has {} in layer {}", computed, i));
    }
}

}  // namespace

void add_gemma2_keys(const ModelConfig& config, Keys& keys) {
    refuse_activation(config, "hidden_activation", "gelu_pytorch_tanh");
    KeyList list("gemma2", keys);
    const Heads heads = heads_of(config);
    refuse_scale(config, heads, 46);
    refuse_pattern(config, 2);
    add_common_keys(config, context_of(config, false), heads, list);
    add_head_width(heads, list);
    list.add("rope.freq_base", rope_base(config, 10000.0));
    list.add("attn_logit_softcapping", config.number_or("attn_logit_softcapping", 50.0));
    list.add("final_logit_softcapping", config.number_or("final_logit_softcapping", 30.0));
    list.add("attention.sliding_window", config.size_or("sliding_window", 4096));
    add_scaling(config, false, list);
}

void add_gemma3_keys(const ModelConfig& config, Keys& keys) {
    constexpr std::uint32_t kPattern = 6;  // every sixth layer looks at all tokens
    refuse_activation(config, "hidden_activation", "gelu_pytorch_tanh");
    KeyList list("gemma3", keys);
    const Heads heads = heads_of(config);
    refuse_scale(config, heads, 62);
    refuse_pattern(config, kPattern);
    for (const char* const key : {"sliding_window_pattern", "_sliding_window_pattern"}) {
        if (config.size_or(key, kPattern) != kPattern)
            config.refuse_variant(key, fmt::format("it has {}", kPattern));
    }
    if (config.has("attn_logit_softcapping"))
        config.refuse_variant("attn_logit_softcapping", "it has none");
    add_common_keys(config, context_of(config, false), heads, list);
    add_head_width(heads, list);
    list.add("rope.freq_base", rope_base(config, 1000000.0));
    list.add("rope.freq_base_swa",
             config.part("rope_parameters")
                 .part("sliding_attention")
                 .number_or("rope_theta", config.number_or("rope_local_base_freq", 10000.0)));
    list.add("attention.sliding_window", config.size_or("sliding_window", 4096));
    if (config.has("final_logit_softcapping"))
        list.add("final_logit_softcapping", config.number_or("final_logit_softcapping", 30.0));
    add_scaling(config, false, list);
}

}  // namespace octet::gguf
