// T5's keys from its config: layers, widths, heads, epsilon, the buckets of relative positions.
// What llama.cpp does not compute is refused by the key of config.json.
#include <fmt/format.h>

#include "formats/gguf/architecture.hpp"
#include "formats/gguf/key_list.hpp"

namespace octet::gguf {
namespace {

/// llama.cpp has the distance as a constant.
constexpr std::uint32_t kMaxDistance = 128;

void refuse_what_is_not_computed(const ModelConfig& config) {
    const std::string forward = config.text_or("feed_forward_proj", "relu");
    if (forward != "relu" && forward != "gated-gelu")
        config.refuse_variant("feed_forward_proj", "it has \"relu\" and \"gated-gelu\"");
    if (config.size_or("relative_attention_max_distance", kMaxDistance) != kMaxDistance)
        config.refuse_variant("relative_attention_max_distance",
                              fmt::format("it has {}", kMaxDistance));
}

}  // namespace

void add_t5_keys(const ModelConfig& config, Keys& keys) {
    refuse_what_is_not_computed(config);
    KeyList list("t5", keys);
    const std::uint32_t layers = config.size("num_layers");
    const std::uint32_t head_width = config.size("d_kv");
    const double epsilon = config.number_or("layer_norm_epsilon", 1e-6);
    list.add("block_count", layers);
    list.add("decoder_block_count", config.size_or("num_decoder_layers", layers));
    list.add("context_length", config.size_or("n_positions", 512));
    list.add("embedding_length", config.size("d_model"));
    list.add("feed_forward_length", config.size("d_ff"));
    list.add("attention.head_count", config.size("num_heads"));
    list.add("attention.key_length", head_width);
    list.add("attention.value_length", head_width);
    list.add("attention.layer_norm_epsilon", epsilon);
    list.add("attention.layer_norm_rms_epsilon", epsilon);
    list.add("attention.relative_buckets_count",
             config.size_or("relative_attention_num_buckets", 32));
    list.add("decoder_start_token_id",
             static_cast<std::uint32_t>(config.token_or("decoder_start_token_id", 0)));
}

}  // namespace octet::gguf
