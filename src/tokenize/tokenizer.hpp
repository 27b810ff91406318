// Text to token ids and back. Two kinds: GPT-2's byte-level BPE and SentencePiece, each in a file
// of its own. Text that looks like a special token is plain text. Tokenizers do not change after
// they are opened; encode and decode may run in any number of threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/kind.hpp"
#include "tokenize/merges.hpp"

namespace octet::tokenize {

using Ids = std::vector<std::uint32_t>;

class Tokenizer {
  public:
    virtual ~Tokenizer() = default;

    /// The ids of a text in valid UTF-8, without start and end. kBadInput where the vocabulary
    /// lacks what the text needs.
    virtual Ids encode(std::string_view text) const = 0;

    /// The text of the ids, as UTF-8: a character that is cut off becomes U+FFFD. Ids of no text
    /// (control tokens, beyond the vocabulary) say nothing.
    virtual std::string decode(std::span<const std::uint32_t> ids) const = 0;
};

/// Byte-level BPE from vocab.json and merges.txt, or from tokenizer.json where those are missing.
std::unique_ptr<Tokenizer> open_byte_level_bpe(const std::filesystem::path& folder);

/// The same from its tables.
std::unique_ptr<Tokenizer> make_byte_level_bpe(std::unique_ptr<const BpeTables> tables);

/// SentencePiece from spiece.model.
std::unique_ptr<Tokenizer> open_sentence_pieces(const std::filesystem::path& folder);

/// The same from that file's bytes.
std::unique_ptr<Tokenizer> make_sentence_pieces(std::string file, std::string_view name);

/// False where no tokenizer of any family can be, which is known before the config.
bool may_have_tokenizer(const std::filesystem::path& folder);

/// True where files of a tokenizer for a model of that family are there, whatever is in them.
bool has_tokenizer_files(const std::filesystem::path& folder, checkpoint::Family family);

/// The tokenizer of a model of that family. Missing or malformed files: kBadInput naming them.
std::unique_ptr<Tokenizer> open_tokenizer(const std::filesystem::path& folder,
                                          checkpoint::Family family);

/// `text` with each part of a character, and each byte of none, replaced by U+FFFD.
std::string mended_utf8(std::string_view text);

}  // namespace octet::tokenize
