// The rows, and their search: in order, in small letters, each against the whole word (digits at
// its end aside), its end, any part of it, or one of the words between its underscores.
#include "arch/words.hpp"

#include <algorithm>
#include <array>

namespace octet::arch {
namespace {

enum class Match : std::uint8_t {
    kIs,    ///< the whole name, but for digits at its end
    kEnds,  ///< its end
    kHas,   ///< anywhere in it
    kWord,  ///< one of the words between "_"
};

struct Row {
    Meaning meaning;
    Match match;
    std::string_view word;
};

/// In small letters; the first row that matches decides.
constexpr std::array kRows = {
    Row{Meaning::kBuffer, Match::kHas, "inv_freq"},
    Row{Meaning::kBuffer, Match::kHas, "rotary_emb"},
    Row{Meaning::kBuffer, Match::kHas, "position_ids"},
    Row{Meaning::kBuffer, Match::kHas, "token_type_ids"},
    Row{Meaning::kBuffer, Match::kHas, "masked_bias"},
    Row{Meaning::kBuffer, Match::kHas, "causal_mask"},
    Row{Meaning::kBuffer, Match::kIs, "attn_mask"},
    Row{Meaning::kBuffer, Match::kIs, "attention_mask"},
    Row{Meaning::kBuffer, Match::kIs, "tril"},
    Row{Meaning::kBuffer, Match::kHas, "running_mean"},
    Row{Meaning::kBuffer, Match::kHas, "running_var"},
    Row{Meaning::kBuffer, Match::kHas, "num_batches_tracked"},
    Row{Meaning::kBuffer, Match::kHas, "relative_position_index"},
    Row{Meaning::kBuffer, Match::kHas, "relative_coords_table"},
    Row{Meaning::kBuffer, Match::kHas, "freqs_cis"},
    Row{Meaning::kBuffer, Match::kHas, "cos_cached"},
    Row{Meaning::kBuffer, Match::kHas, "sin_cached"},
    Row{Meaning::kHead, Match::kIs, "embed_out"},
    Row{Meaning::kLinear, Match::kEnds, "proj"},
    Row{Meaning::kLinear, Match::kEnds, "project"},
    Row{Meaning::kLinear, Match::kEnds, "linear"},
    Row{Meaning::kLinear, Match::kEnds, "dense"},
    Row{Meaning::kLinear, Match::kEnds, "modulation"},
    Row{Meaning::kLinear, Match::kWord, "fc"},
    Row{Meaning::kHead, Match::kEnds, "output_projection"},
    Row{Meaning::kLinear, Match::kEnds, "projection"},
    Row{Meaning::kPosition, Match::kHas, "position_embed"},
    Row{Meaning::kPosition, Match::kHas, "positions_embed"},
    Row{Meaning::kPosition, Match::kHas, "positional_embed"},
    Row{Meaning::kPosition, Match::kHas, "embed_position"},
    Row{Meaning::kPosition, Match::kHas, "pos_embed"},
    Row{Meaning::kPosition, Match::kEnds, "pos_emb"},
    Row{Meaning::kPosition, Match::kHas, "position_emb"},
    Row{Meaning::kPosition, Match::kHas, "positional_emb"},
    Row{Meaning::kPosition, Match::kIs, "wpe"},
    Row{Meaning::kPosition, Match::kHas, "relative_attention_bias"},
    Row{Meaning::kPosition, Match::kHas, "relative_position_bias"},
    Row{Meaning::kPosition, Match::kHas, "attention_biases"},
    Row{Meaning::kPosition, Match::kHas, "rel_pos"},
    Row{Meaning::kPosition, Match::kHas, "rel_embeddings"},
    Row{Meaning::kNorm, Match::kHas, "norm"},
    Row{Meaning::kNorm, Match::kWord, "ln"},
    Row{Meaning::kNorm, Match::kWord, "bn"},
    Row{Meaning::kNorm, Match::kWord, "gn"},
    Row{Meaning::kHead, Match::kEnds, "lm_head"},
    Row{Meaning::kHead, Match::kIs, "head"},
    Row{Meaning::kOuterHead, Match::kEnds, "_head"},
    Row{Meaning::kOuterHead, Match::kIs, "output_layer"},
    Row{Meaning::kOuterHead, Match::kHas, "classifier"},
    Row{Meaning::kOuterHead, Match::kIs, "score"},
    Row{Meaning::kEmbedding, Match::kHas, "embed"},
    Row{Meaning::kEmbedding, Match::kEnds, "emb"},
    Row{Meaning::kEmbedding, Match::kIs, "wte"},
};

bool matches(std::string_view name, const Row& row) {
    switch (row.match) {
        case Match::kIs:
            return name == row.word;
        case Match::kEnds:
            return name.ends_with(row.word);
        case Match::kHas:
            return name.find(row.word) != name.npos;
        case Match::kWord:
            break;
    }
    return has_word(name, row.word);
}

}  // namespace

Meaning meaning_of(std::string_view word) {
    const std::string name = plain_word(word);
    const auto found = std::find_if(kRows.begin(), kRows.end(),
                                    [&](const Row& row) { return matches(name, row); });
    return found == kRows.end() ? Meaning::kNone : found->meaning;
}

Meaning Words::meaning_of(std::string_view word) {
    const auto known = known_.find(word);
    if (known != known_.end()) return known->second;
    return known_.emplace(word, arch::meaning_of(word)).first->second;
}

}  // namespace octet::arch
