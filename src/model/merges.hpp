// The tables of a byte-level BPE, read from its files: which number a token has, and which pairs of tokens merge first.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace octet::model {

struct Merge {
    std::uint32_t rank = 0;    ///< lower goes first
    std::uint32_t merged = 0;  ///< the token that the two become
};

struct BpeTables {
    std::array<std::optional<std::uint32_t>, 256> byte_tokens;  ///< the token of each single byte
    std::unordered_map<std::uint64_t, Merge> merges;            ///< by first token * 2^32 + second token
    std::unordered_map<std::uint32_t, std::string> texts;       ///< the bytes of each token
};

/// From vocab.json ({"token": number}) and merges.txt (a pair a line, in order of rank). Malformed, a number twice, a merge of
/// tokens that the vocabulary lacks: kBadInput naming file and place.
BpeTables parse_vocab_and_merges(std::string_view vocab_json, std::string_view vocab_name, std::string_view merges_txt,
                                 std::string_view merges_name);

/// From tokenizer.json; anything but a byte-level BPE as GPT-2 has it: kBadInput.
BpeTables parse_tokenizer_json(std::string_view text, std::string_view name);

}  // namespace octet::model
