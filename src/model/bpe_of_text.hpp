// A byte-level BPE for one short text: what a start of the program with a prompt needs. Its files are looked at as a whole, so that what is
// wrong with them is found, but tables are made of the few tokens and merges only that the text can become: those whose text is part of one
// of its words.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "model/tokenizer.hpp"

namespace octet::model {

/// A tokenizer that knows the ids of `text` and the text of all ids, and reads all tables when it is asked for other texts. Nothing where the
/// text is too long for it, and where anything about the files is not as it should be, or may not be: what that is read_vocab_and_merges()
/// finds. Throws what reading the files and encoding the text throw.
std::unique_ptr<Tokenizer> open_bpe_of_text(const std::filesystem::path& vocab_json,
                                            const std::filesystem::path& merges_txt, std::uint64_t most_bytes,
                                            const std::string& text);

/// The same from their texts.
std::unique_ptr<Tokenizer> make_bpe_of_text(std::string_view vocab_json, std::string_view merges_txt,
                                            const std::string& text);

}  // namespace octet::model
