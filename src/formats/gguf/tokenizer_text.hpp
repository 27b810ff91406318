// What tokenizer.json, vocab.json and merges.txt say of a byte-level BPE, as a GGUF file needs it:
// tokens by number, merges in order, which tokens are special, how text is cut before. Read by
// events, so that memory is in proportion to what is kept.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace octet::gguf {

struct AddedToken {
    std::string text;
    std::uint64_t number = 0;
    bool is_special = false;
};

struct TokenizerText {
    std::string model_type;  ///< "BPE"; empty where the file does not say
    std::vector<std::pair<std::string, std::uint64_t>> tokens;
    std::vector<std::string> merges;  ///< "a b"
    std::vector<AddedToken> added;
    std::vector<std::string>
        cutters;  ///< types of the pre-tokenizer and its parts: "ByteLevel", "Split", "Digits"
    std::vector<std::string> patterns;  ///< their regular expressions
    bool splits_digits = false;         ///< each on its own, by "Digits"
    bool has_byte_fallback = false;
};

/// Of tokenizer.json. `name` stands in messages. kBadInput.
TokenizerText parse_tokenizer(std::string_view text, std::string_view name);

/// Of vocab.json and merges.txt. kBadInput.
TokenizerText parse_vocabulary(std::string_view vocabulary, std::string_view vocabulary_name,
                               std::string_view merges);

}  // namespace octet::gguf
