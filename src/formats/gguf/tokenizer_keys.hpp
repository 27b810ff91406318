// The keys of a GGUF file that hold the tokenizer: tokens in the order of their numbers, as many as
// the embedding has rows, what kind each is, merges or scores, and which tokens begin and end a
// text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf/architecture.hpp"

namespace octet::gguf {

/// Where the tokenizer is looked for, and what it is for.
struct TokenizerSource {
    std::filesystem::path folder;
    const ModelConfig& config;
    const Architecture& architecture;
    std::uint64_t rows = 0;  ///< of the embedding
    std::string pre;         ///< `tokenizer.ggml.pre`, where the user says it; else empty
};

/// Adds them; without any tokenizer in the folder those of a model that runs on numbers of tokens,
/// and a line to `notes`. A tokenizer that llama.cpp would not cut text with as the model's own
/// does, or that has more tokens than the embedding rows: kBadInput.
void add_tokenizer_keys(const TokenizerSource& source, Keys& keys, std::vector<std::string>& notes);

// The kinds: byte-level BPE, and SentencePiece's two.
void add_bpe_keys(const TokenizerSource& source, Keys& keys);
void add_unigram_keys(const TokenizerSource& source, const std::filesystem::path& file, Keys& keys);
void add_piece_bpe_keys(const TokenizerSource& source, const std::filesystem::path& file,
                        Keys& keys);

/// Kinds of tokens, by their numbers in a file.
enum class TokenKind : std::int32_t {
    kNormal = 1,
    kUnknown,
    kControl,
    kUserDefined,
    kUnused,
    kByte
};

/// The name of a token that fills a row of the embedding which the tokenizer has no token for.
std::string padding_token(std::uint64_t number);

/// `tokenizer.ggml.bos_token_id` and its like, as tokenizer_config.json names the tokens or
/// config.json numbers them; whether texts begin and end with them; and the template of chats.
void add_special_keys(const TokenizerSource& source, const std::vector<std::string>& tokens,
                      Keys& keys);

}  // namespace octet::gguf
