// GPT-2 (transformers: modeling_gpt2.py; llama.cpp: src/models/gpt2.cpp). The masks of old
// checkpoints are no weights.
#include "formats/gguf/names.hpp"

namespace octet::gguf {
namespace {

constexpr NameRow kRows[] = {
    {"h.#.attn.bias", ""},
    {"h.#.attn.masked_bias", ""},
    {"wte", "token_embd"},
    {"wpe", "position_embd"},
    {"h.#.ln_1", "blk.#.attn_norm"},
    {"h.#.attn.c_attn", "blk.#.attn_qkv", Change::kTransposed},
    {"h.#.attn.c_proj", "blk.#.attn_output", Change::kTransposed},
    {"h.#.ln_2", "blk.#.ffn_norm"},
    {"h.#.mlp.c_fc", "blk.#.ffn_up", Change::kTransposed},
    {"h.#.mlp.c_proj", "blk.#.ffn_down", Change::kTransposed},
    {"ln_f", "output_norm"},
    {"lm_head", "output"},
};

}  // namespace

std::span<const NameRow> gpt2_names() {
    return kRows;
}

}  // namespace octet::gguf
