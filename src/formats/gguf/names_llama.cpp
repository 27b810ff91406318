// The family of Llama: Llama, Mistral, Qwen 2 and 3, Phi-3, Gemma 2 and 3 (transformers:
// modeling_llama.py and its descendants; llama.cpp: src/models/). llama.cpp rotates neighbours in
// the heads of Llama and Mistral, and halves, as transformers does, in those of the others.
#include "formats/gguf/names.hpp"

namespace octet::gguf {
namespace {

constexpr NameRow kLlama[] = {
    {"layers.#.self_attn.rotary_emb.inv_freq", ""},
    {"embed_tokens", "token_embd"},
    {"norm", "output_norm"},
    {"lm_head", "output"},
    {"layers.#.input_layernorm", "blk.#.attn_norm"},
    {"layers.#.self_attn.q_proj", "blk.#.attn_q", Change::kInterleavedHeads},
    {"layers.#.self_attn.k_proj", "blk.#.attn_k", Change::kInterleavedKeys},
    {"layers.#.self_attn.v_proj", "blk.#.attn_v"},
    {"layers.#.self_attn.o_proj", "blk.#.attn_output"},
    {"layers.#.post_attention_layernorm", "blk.#.ffn_norm"},
    {"layers.#.mlp.gate_proj", "blk.#.ffn_gate"},
    {"layers.#.mlp.up_proj", "blk.#.ffn_up"},
    {"layers.#.mlp.down_proj", "blk.#.ffn_down"},
};

constexpr NameRow kQwen[] = {
    {"layers.#.self_attn.rotary_emb.inv_freq", ""},
    {"embed_tokens", "token_embd"},
    {"norm", "output_norm"},
    {"lm_head", "output"},
    {"layers.#.input_layernorm", "blk.#.attn_norm"},
    {"layers.#.self_attn.q_proj", "blk.#.attn_q"},
    {"layers.#.self_attn.k_proj", "blk.#.attn_k"},
    {"layers.#.self_attn.v_proj", "blk.#.attn_v"},
    {"layers.#.self_attn.o_proj", "blk.#.attn_output"},
    {"layers.#.self_attn.q_norm", "blk.#.attn_q_norm"},
    {"layers.#.self_attn.k_norm", "blk.#.attn_k_norm"},
    {"layers.#.post_attention_layernorm", "blk.#.ffn_norm"},
    {"layers.#.mlp.gate_proj", "blk.#.ffn_gate"},
    {"layers.#.mlp.up_proj", "blk.#.ffn_up"},
    {"layers.#.mlp.down_proj", "blk.#.ffn_down"},
};

constexpr NameRow kPhi3[] = {
    {"layers.#.self_attn.rotary_emb.inv_freq", ""},
    {"embed_tokens", "token_embd"},
    {"norm", "output_norm"},
    {"lm_head", "output"},
    {"layers.#.input_layernorm", "blk.#.attn_norm"},
    {"layers.#.self_attn.qkv_proj", "blk.#.attn_qkv"},
    {"layers.#.self_attn.o_proj", "blk.#.attn_output"},
    {"layers.#.post_attention_layernorm", "blk.#.ffn_norm"},
    {"layers.#.mlp.gate_up_proj", "blk.#.ffn_up"},
    {"layers.#.mlp.down_proj", "blk.#.ffn_down"},
};

constexpr NameRow kGemma[] = {
    {"layers.#.self_attn.rotary_emb.inv_freq", ""},
    {"embed_tokens", "token_embd"},
    {"norm", "output_norm", Change::kPlusOne},
    {"lm_head", "output"},
    {"layers.#.input_layernorm", "blk.#.attn_norm", Change::kPlusOne},
    {"layers.#.self_attn.q_proj", "blk.#.attn_q"},
    {"layers.#.self_attn.k_proj", "blk.#.attn_k"},
    {"layers.#.self_attn.v_proj", "blk.#.attn_v"},
    {"layers.#.self_attn.o_proj", "blk.#.attn_output"},
    {"layers.#.self_attn.q_norm", "blk.#.attn_q_norm", Change::kPlusOne},
    {"layers.#.self_attn.k_norm", "blk.#.attn_k_norm", Change::kPlusOne},
    {"layers.#.post_attention_layernorm", "blk.#.post_attention_norm", Change::kPlusOne},
    {"layers.#.pre_feedforward_layernorm", "blk.#.ffn_norm", Change::kPlusOne},
    {"layers.#.mlp.gate_proj", "blk.#.ffn_gate"},
    {"layers.#.mlp.up_proj", "blk.#.ffn_up"},
    {"layers.#.mlp.down_proj", "blk.#.ffn_down"},
    {"layers.#.post_feedforward_layernorm", "blk.#.post_ffw_norm", Change::kPlusOne},
};

}  // namespace

std::span<const NameRow> llama_names() {
    return kLlama;
}

std::span<const NameRow> qwen_names() {
    return kQwen;
}

std::span<const NameRow> phi3_names() {
    return kPhi3;
}

std::span<const NameRow> gemma_names() {
    return kGemma;
}

}  // namespace octet::gguf
