// GPT-2's keys from its config: context, width, layers, heads, epsilon. What llama.cpp does not
// compute is refused by the key of config.json.
#include "formats/gguf/architecture.hpp"
#include "formats/gguf/key_list.hpp"

namespace octet::gguf {
namespace {

void refuse_what_is_not_computed(const ModelConfig& config) {
    const std::string activation = config.text_or("activation_function", "gelu_new");
    if (activation != "gelu_new" && activation != "gelu_pytorch_tanh")
        config.refuse_variant("activation_function", "it has \"gelu_new\"");
    if (!config.flag_or("scale_attn_weights", true))
        config.refuse_variant("scale_attn_weights", "it always scales");
    if (config.flag_or("scale_attn_by_inverse_layer_idx", false))
        config.refuse_variant("scale_attn_by_inverse_layer_idx", "it has false");
    if (config.flag_or("add_cross_attention", false))
        config.refuse_variant("add_cross_attention", "it has false");
}

}  // namespace

void add_gpt2_keys(const ModelConfig& config, Keys& keys) {
    refuse_what_is_not_computed(config);
    KeyList list("gpt2", keys);
    const std::uint32_t width = config.size("n_embd");
    const bool has_inner = config.has("n_inner");
    if (!has_inner && width > 1U << 29U)
        config.refuse("\"n_embd\" is beyond every model; give the model's own config.json");
    list.add("block_count", config.size("n_layer"));
    list.add("context_length", config.size("n_positions"));
    list.add("embedding_length", width);
    list.add("feed_forward_length", has_inner ? config.size("n_inner") : 4 * width);
    list.add("attention.head_count", config.size("n_head"));
    list.add("attention.layer_norm_epsilon", config.number_or("layer_norm_epsilon", 1e-5));
}

}  // namespace octet::gguf
