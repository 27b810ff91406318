// The tables of a byte-level BPE, read from its files: which number a token has, and which pairs of
// tokens merge first.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>

#include "io/tuning/large_buffer.hpp"
#include "tokenize/token_table.hpp"

namespace octet::tokenize {

/// The bytes that a token of the vocabulary stands for; empty if it has characters that are not of
/// the alphabet, as special tokens may.
std::string bytes_of_token(std::string_view token);

class BpeTables {
  public:
    /// With memory for the tables of a vocabulary and merges of so many bytes of text; if it does
    /// not suffice there is more. Throws std::bad_alloc.
    BpeTables(std::size_t vocabulary_bytes, std::size_t merges_bytes);

    BpeTables(const BpeTables&) = delete;
    BpeTables& operator=(const BpeTables&) = delete;

    /// The bytes that a token stands for; none of a token, or a number, that stands for nothing.
    std::string bytes_of(std::uint32_t token) const;

  private:
    io::LargeBuffer buffer_;  ///< one for all: huge pages take few faults to fill
    std::pmr::monotonic_buffer_resource memory_;

  public:
    std::array<std::optional<std::uint32_t>, 256> byte_tokens;  ///< the token of each single byte
    TokenTable tokens;
    MergeTable merges;
};

/// From vocab.json ({"token": number}) and merges.txt (a pair a line, in order of rank). Malformed,
/// a number twice, a merge of tokens that the vocabulary lacks: kBadInput naming file and place.
std::unique_ptr<BpeTables> parse_vocab_and_merges(std::string_view vocab_json,
                                                  std::string_view vocab_name,
                                                  std::string_view merges_txt,
                                                  std::string_view merges_name);

/// The same from files of at most `most_bytes` each.
std::unique_ptr<BpeTables> read_vocab_and_merges(const std::filesystem::path& vocab_json,
                                                 const std::filesystem::path& merges_txt,
                                                 std::uint64_t most_bytes);

/// From tokenizer.json; anything but a byte-level BPE as GPT-2 has it: kBadInput.
std::unique_ptr<BpeTables> parse_tokenizer_json(std::string_view text, std::string_view name);

}  // namespace octet::tokenize
