// The text form of what parts leave for each other: lines of words, and a last one, the seal, with
// the checksum of all others. A text without its seal, or with a wrong one, is none.
//
//   WORD WORD ...
//   seal XXH3-128
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "octet/report.hpp"

namespace octet::parts {

/// One word of any text: bytes beyond printable ASCII, and '%', as %XX; the empty text as "%".
std::string word_of(std::string_view text);

/// The text that `word` stands for; nothing where it stands for none.
std::optional<std::string> text_of_word(std::string_view word);

/// `lines` with their seal.
std::string sealed(std::string lines);

/// What the seal of such a text says; empty where there is no seal.
std::string_view seal_of(std::string_view sealed_text);

/// The lines before the seal; nothing where it is missing or wrong.
std::optional<std::string_view> unsealed(std::string_view text);

/// Takes the next line from the front of `text`, without its end.
std::string_view take_line(std::string_view& text);

/// Takes the next word from the front of `line`; empty at its end.
std::string_view take_word(std::string_view& line);

/// The whole number that the word is; nothing where it is none.
template <typename Number>
std::optional<Number> number_of(std::string_view word) {
    Number number{};
    const auto result = std::from_chars(word.data(), word.data() + word.size(), number);
    if (result.ec != std::errc() || result.ptr != word.data() + word.size()) return std::nullopt;
    return number;
}

}  // namespace octet::parts
