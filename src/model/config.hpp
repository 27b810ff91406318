// What config.json says of a model that octet can run: GPT-2 and T5 (T5 1.1 and FLAN-T5 included).
// Plain values, checked: every size is at least 1 and small enough that no product of two of them
// overflows.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "checkpoint/kind.hpp"

namespace octet::model {

/// The function between the two halves of a feed-forward block.
enum class Activation : std::uint8_t {
    kGeluNew,    ///< GELU by its tanh formula
    kRelu,       ///< max(0, x)
    kGatedGelu,  ///< T5 1.1: gelu_new(wi_0 x) * (wi_1 x)
};

struct Config {
    checkpoint::Family family = checkpoint::Family::kUnknown;
    std::uint64_t vocabulary = 0;  ///< rows of the embedding
    std::uint64_t width = 0;       ///< n_embd, d_model
    std::uint64_t inner = 0;       ///< n_inner or 4 n_embd; d_ff
    std::uint64_t heads = 0;
    std::uint64_t head_width = 0;      ///< n_embd / n_head; d_kv
    std::uint64_t layers = 0;          ///< of T5's encoder; of GPT-2
    std::uint64_t decoder_layers = 0;  ///< T5
    std::uint64_t positions = 0;       ///< GPT-2: the most tokens of a context. 0: no limit (T5)
    std::uint64_t buckets = 0;         ///< T5: relative_attention_num_buckets
    std::uint64_t max_distance = 0;    ///< T5: relative_attention_max_distance
    float epsilon = 0;                 ///< of the norms
    Activation activation = Activation::kGeluNew;
    bool tied_head = true;  ///< the head is the embedding
    bool head_by_file =
        false;  ///< T5: a head of its own is used where the checkpoint has one, tied or not
    bool scaled_head = false;  ///< T5: the head's input is scaled by width^-0.5
    std::uint32_t end_token = 0;
    std::uint32_t start_token = 0;  ///< T5: what the decoder begins with
};

/// Reads `folder`/config.json. Missing, malformed, another architecture, or a variant that octet
/// does not compute: kBadInput naming the key.
Config read_config(const std::filesystem::path& folder);

/// The same of the file's text; `file_name` stands in messages.
Config parse_config(std::string_view text, std::string_view file_name);

}  // namespace octet::model
