// Small text helpers for messages and tables: escaping, sizes in SI units, the nearest right
// spelling.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace octet {

/// `text` with control characters, DEL, backslash and invalid UTF-8 bytes written as \n, \t, \x1b
/// ...: safe on a terminal and always one line. C1 controls and Unicode line separators and
/// direction marks are escaped too.
std::string printable(std::string_view text);

/// JSON text with every character that printable() would escape beyond ASCII, and DEL, as \u and
/// four digits: the same value, safe on a terminal.
std::string printable_json(std::string_view json);

/// True if the bytes are valid UTF-8.
bool is_utf8(std::string_view text);

/// A name in messages: printable, in single quotes, cut in the middle when longer than 120 bytes.
std::string in_quotes(std::string_view name);

/// "126,828,680".
std::string with_commas(std::uint64_t value);

/// "126.8 MB": SI units, four significant digits; below 1000 bytes "512 B".
std::string si_size(std::uint64_t byte_count);

/// "126.8 MB (126,828,680 bytes)".
std::string full_size(std::uint64_t byte_count);

/// "[768, 2304]"; "[]" for a scalar; of more than 16 dimensions the first ones and how many more
/// there are.
std::string shape_text(const std::vector<std::uint64_t>& shape);

/// The bytes that a size such as "70MB", "1.5 GiB" or "1024" says, to the nearest: SI and IEC units
/// in any case; a bare number, or one with "B", is bytes. "70M" could be either and is refused.
/// Nothing if it is no size or does not fit 64 bits.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// The number that `text` as a whole is: "40", "-3.5", "1e-3", also "inf" and "nan". Nothing if it
/// is none or out of range.
std::optional<double> parse_number(std::string_view text);

/// The position per dimension of element `flat` (C order) in `shape`.
std::vector<std::uint64_t> index_of(std::uint64_t flat, const std::vector<std::uint64_t>& shape);

/// "[3, 5]": the position of element `flat` (C order) in `shape`; "[]" in a scalar.
std::string index_text(std::uint64_t flat, const std::vector<std::uint64_t>& shape);

/// The candidate most like `word` when it is near enough to be what was meant (edit distance,
/// transpositions count one).
std::optional<std::string> nearest_spelling(std::string_view word,
                                            const std::vector<std::string>& candidates);

/// The `most` candidates most like `word`, the nearest first: those that end in it or that it ends
/// in (a prefix more or less), then by edit distance. Of texts longer than 256 bytes only their
/// ends are compared.
std::vector<std::string> nearest_names(std::string_view word,
                                       const std::vector<std::string>& candidates,
                                       std::size_t most);

/// "1 tensor", "3 tensors", "1,184 tensors".
std::string counted(std::uint64_t count, std::string_view singular);

}  // namespace octet
