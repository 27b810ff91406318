// UTF-8 is decoded by hand, strictly, as nothing may reach a terminal that changes its state or the
// direction of the text. The nearest spelling is the one of the smallest edit distance.
#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "base/checked.hpp"

namespace octet {
namespace {

/// Length of the valid UTF-8 sequence at `at`, or 0; writes its code point.
std::size_t utf8_length(std::string_view text, std::size_t at, std::uint32_t& code_point) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(at);
    const std::size_t length = lead < 0x80                    ? 1
                               : lead >= 0xF0 && lead <= 0xF4 ? 4
                               : lead >= 0xE0                 ? 3
                               : lead >= 0xC2                 ? 2
                                                              : 0;
    if (length == 0 || lead > 0xF4 || at + length > text.size()) return 0;
    static constexpr std::array<std::uint32_t, 5> kLeadMask = {0, 0x7F, 0x1F, 0x0F, 0x07};
    code_point = lead & kLeadMask[length];
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(at + i) & 0xC0U) != 0x80U) return 0;
        code_point = (code_point << 6) | (byte(at + i) & 0x3FU);
    }
    static constexpr std::array<std::uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
    return code_point < kSmallest[length] || code_point > 0x10FFFF || surrogate ? 0 : length;
}

/// Controls, line separators, and marks that change the direction of the text around them.
bool is_unsafe(std::uint32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || c == 0x200E ||
           c == 0x200F || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) ||
           c == 0xFEFF;
}

void append_escaped(std::string& out, std::string_view bytes) {
    for (const char c : bytes) {
        switch (c) {
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            default:
                out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        }
    }
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[a.size()][b.size()];
}

/// What the letters behind a size multiply it by.
std::optional<std::uint64_t> unit_of(std::string_view suffix) {
    while (suffix.starts_with(' ')) suffix.remove_prefix(1);
    std::string letters;
    for (const char c : suffix)
        letters += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (letters.empty() || letters == "b") return 1;
    const std::size_t power = std::string_view("kmgtpe").find(letters.front());
    const bool binary = letters.substr(1) == "ib";
    if (power == std::string_view::npos || (!binary && letters.substr(1) != "b"))
        return std::nullopt;
    std::uint64_t unit = 1;
    for (std::size_t i = 0; i <= power; ++i) unit *= binary ? 1024 : 1000;
    return unit;
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        std::uint32_t code_point = 0;
        const std::size_t length = utf8_length(text, at, code_point);
        const std::size_t taken = std::max<std::size_t>(length, 1);
        const std::string_view bytes = text.substr(at, taken);
        if (bytes == "\\") {
            out += "\\\\";
        } else if (length == 0 || is_unsafe(code_point)) {
            append_escaped(out, bytes);
        } else {
            out += bytes;
        }
        at += taken;
    }
    return out;
}

std::string printable_json(std::string_view json) {
    std::string out;
    out.reserve(json.size());
    for (std::size_t at = 0; at < json.size();) {
        std::uint32_t code_point = 0;
        const std::size_t taken = std::max<std::size_t>(utf8_length(json, at, code_point), 1);
        if (code_point >= 0x7F && is_unsafe(code_point)) {  // all of them lie below 0x10000
            out += fmt::format("\\u{:04x}", code_point);
        } else {
            out += json.substr(at, taken);
        }
        at += taken;
    }
    return out;
}

bool is_utf8(std::string_view text) {
    constexpr std::uint64_t kNotAscii = 0x8080808080808080;
    for (std::size_t at = 0; at < text.size();) {
        std::uint64_t eight = kNotAscii;
        if (text.size() - at >= sizeof eight) std::memcpy(&eight, text.data() + at, sizeof eight);
        if ((eight & kNotAscii) == 0) {
            at += sizeof eight;
            continue;
        }
        std::uint32_t code_point = 0;
        const std::size_t length = utf8_length(text, at, code_point);
        if (length == 0) return false;
        at += length;
    }
    return true;
}

std::string in_quotes(std::string_view name) {
    constexpr std::size_t kLongest = 120;
    if (name.size() <= kLongest) return "'" + printable(name) + "'";
    return "'" + printable(name.substr(0, 80)) + "..." + printable(name.substr(name.size() - 30)) +
           "'";
}

std::string with_commas(std::uint64_t value) {
    std::string digits = std::to_string(value);
    for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
    return digits;
}

std::string si_size(std::uint64_t byte_count) {
    if (byte_count < 1000) return fmt::format("{} B", byte_count);
    static constexpr std::array<std::string_view, 6> kUnits = {"kB", "MB", "GB", "TB", "PB", "EB"};
    double value = static_cast<double>(byte_count) / 1000.0;
    std::size_t unit = 0;
    while (value >= 999.95 && unit + 1 < kUnits.size()) {
        value /= 1000.0;
        ++unit;
    }
    return fmt::format("{:.{}f} {}", value,
                       value < 9.9995   ? 3
                       : value < 99.995 ? 2
                                        : 1,
                       kUnits[unit]);
}

std::string full_size(std::uint64_t byte_count) {
    return fmt::format("{} ({} bytes)", si_size(byte_count), with_commas(byte_count));
}

std::string shape_text(const std::vector<std::uint64_t>& shape) {
    constexpr std::size_t kMostShown = 16;  // a hostile header can list millions
    if (shape.size() <= kMostShown) return fmt::format("[{}]", fmt::join(shape, ", "));
    return fmt::format("[{}, and {} more]",
                       fmt::join(shape.begin(), shape.begin() + kMostShown, ", "),
                       with_commas(shape.size() - kMostShown));
}

std::optional<double> parse_number(std::string_view text) {
    double number = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
    if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
    const std::optional<std::uint64_t> unit = unit_of(text.substr(digits));
    const std::string_view number = text.substr(0, digits);
    const std::size_t point = std::min(number.find('.'), number.size());
    std::uint64_t whole = 0;
    const auto result = std::from_chars(number.data(), number.data() + point, whole);
    if (!unit || result.ec != std::errc() || result.ptr != number.data() + point)
        return std::nullopt;
    const std::optional<std::uint64_t> bytes = checked_multiply(whole, *unit);
    if (!bytes || point == number.size()) return bytes;
    const std::optional<double> fraction = parse_number("0" + std::string(number.substr(point)));
    if (!fraction || point + 1 == number.size() || *unit == 1) return std::nullopt;
    return checked_add(
        *bytes, static_cast<std::uint64_t>(std::llround(*fraction * static_cast<double>(*unit))));
}

std::vector<std::uint64_t> index_of(std::uint64_t flat, const std::vector<std::uint64_t>& shape) {
    std::vector<std::uint64_t> index(shape.size());
    for (std::size_t d = shape.size(); d-- > 0;) {
        index[d] = shape[d] == 0 ? 0 : flat % shape[d];
        flat = shape[d] == 0 ? 0 : flat / shape[d];
    }
    return index;
}

std::string index_text(std::uint64_t flat, const std::vector<std::uint64_t>& shape) {
    return shape_text(index_of(flat, shape));
}

std::optional<std::string> nearest_spelling(std::string_view word,
                                            const std::vector<std::string>& candidates) {
    if (word.size() > 64) return std::nullopt;
    std::optional<std::string> best;
    std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const std::string& candidate : candidates) {
        if (word.size() >= 3 && candidate.starts_with(word)) return candidate;
        const std::size_t distance = edit_distance(word, candidate);
        if (distance < best_distance && distance < candidate.size()) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

std::vector<std::string> nearest_names(std::string_view word,
                                       const std::vector<std::string>& candidates,
                                       std::size_t most) {
    constexpr std::size_t kMostCompared = 256;
    const auto end_of = [kMostCompared](std::string_view text) {
        return text.substr(text.size() - std::min(text.size(), kMostCompared));
    };
    std::vector<std::pair<std::size_t, std::size_t>> distances;  // and the candidates' numbers
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        const std::string& candidate = candidates[i];
        const bool is_longer = !word.empty() && !candidate.empty() &&
                               (candidate.ends_with(word) || word.ends_with(candidate));
        distances.emplace_back(is_longer ? 0 : edit_distance(end_of(word), end_of(candidate)), i);
    }
    const std::size_t count = std::min(most, distances.size());
    std::partial_sort(distances.begin(), distances.begin() + static_cast<std::ptrdiff_t>(count),
                      distances.end());
    std::vector<std::string> nearest;
    for (std::size_t i = 0; i < count; ++i) nearest.push_back(candidates[distances[i].second]);
    return nearest;
}

std::string counted(std::uint64_t count, std::string_view singular) {
    return fmt::format("{} {}{}", with_commas(count), singular, count == 1 ? "" : "s");
}

}  // namespace octet
