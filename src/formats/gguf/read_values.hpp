// The values of a GGUF file's keys: numbers whatever their width, texts, arrays where they lie, and
// how each is shown to people.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf/gguf_reader.hpp"
#include "io/file.hpp"

namespace octet::gguf {

/// Null where there is none of that name.
const ReadKey* find_key(const std::vector<ReadKey>& keys, std::string_view name) noexcept;

/// The number of a key of any integer type, if it is none below 0. Nothing for null, or something
/// else.
std::optional<std::uint64_t> whole_number(const ReadKey* key) noexcept;

/// The number of a key of any type of numbers.
std::optional<double> number_of(const ReadKey* key) noexcept;

std::optional<bool> flag_of(const ReadKey* key) noexcept;

/// The text of a string. Null, or something else: empty.
std::string_view text_of(const ReadKey* key) noexcept;

/// Calls take(text) with each string of an array of strings. False where it is no such array. kIo.
bool for_each_text(const io::File& file, const ReadKey& key,
                   const std::function<void(std::string&& text)>& take);

/// The numbers of an array of any type of numbers; at most `most` of them, from the first. Nothing
/// where it is none. kIo.
std::optional<std::vector<double>> numbers_of(const io::File& file, const ReadKey& key,
                                              std::uint64_t most);

/// As people read it: a number, true, a text as it is, an array as [1, 2, 3]. What is long ends in
/// how much more there is. kIo.
std::string shown_value(const io::File& file, const ReadKey& key);

}  // namespace octet::gguf
