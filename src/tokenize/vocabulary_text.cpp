#include "tokenize/vocabulary_text.hpp"

#include <algorithm>

namespace octet::tokenize {
namespace {

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

/// Whether a character of a string has to be looked at.
bool ends_run(char c) noexcept {
    return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
}

/// The first four characters as a hexadecimal number that is no half of a pair.
std::optional<std::uint32_t> code_unit(std::string_view digits) noexcept {
    if (digits.size() < 4) return std::nullopt;
    std::uint32_t unit = 0;
    for (const char c : digits.substr(0, 4)) {
        const char lower = static_cast<char>(c | 0x20);
        if (!is_digit(c) && (lower < 'a' || lower > 'f')) return std::nullopt;
        unit = 16 * unit + static_cast<std::uint32_t>(is_digit(c) ? c - '0' : lower - 'a' + 10);
    }
    return unit >= 0xD800 && unit <= 0xDFFF ? std::nullopt : std::optional(unit);
}

/// Writes a code point below U+10000; returns where its bytes end.
char* put_utf8(std::uint32_t point, char* to) noexcept {
    const auto put = [&](std::uint32_t byte) { *to++ = static_cast<char>(byte); };
    if (point < 0x80) {
        put(point);
        return to;
    }
    if (point < 0x800) {
        put(0xC0U | point >> 6U);
    } else {
        put(0xE0U | point >> 12U);
        put(0x80U | (point >> 6U & 0x3FU));
    }
    put(0x80U | (point & 0x3FU));
    return to;
}

}  // namespace

VocabularyScanner::VocabularyScanner(std::string_view text) : text_(text) {
    has_begun_ = take('{');
    has_ended_ = has_begun_ && take('}');
}

bool VocabularyScanner::take(Token& token) {
    if (!has_begun_ || has_ended_) return false;
    const std::optional<std::string_view> text = string();
    if (!text || !take(':')) return false;
    const std::optional<std::uint32_t> value = number();
    if (!value) return false;
    has_ended_ = !take(',');
    if (has_ended_ && !take('}')) return has_begun_ = has_ended_ = false;
    token = {*text, *value};
    return true;
}

/// Takes that character, and white space before it; false where another stands there.
bool VocabularyScanner::take(char wanted) noexcept {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
}

/// A string, from its first quotation mark on. The view holds until the next call.
std::optional<std::string_view> VocabularyScanner::string() {
    if (!take('"')) return std::nullopt;
    const std::size_t start = at_;
    bool has_escapes = false;
    while (true) {
        while (at_ < text_.size() && !ends_run(text_[at_])) ++at_;
        if (at_ >= text_.size() || text_[at_] != '\\') break;
        has_escapes = true;
        at_ += 2;  // what is behind it may be a quotation mark
        if (at_ > text_.size()) return std::nullopt;
    }
    if (at_ >= text_.size() || text_[at_] != '"') return std::nullopt;
    const std::string_view inside = text_.substr(start, at_++ - start);
    return has_escapes ? unescaped(inside) : inside;
}

/// 1 to 8 digits that are not followed by what belongs to a number, no needless zero first.
std::optional<std::uint32_t> VocabularyScanner::number() noexcept {
    constexpr std::size_t kMostDigits = 8;
    skip_space();
    const std::size_t start = at_;
    std::uint32_t value = 0;
    for (; at_ < text_.size() && at_ - start <= kMostDigits && is_digit(text_[at_]); ++at_)
        value = 10 * value + static_cast<std::uint32_t>(text_[at_] - '0');
    const std::size_t digits = at_ - start;
    if (digits == 0 || digits > kMostDigits || (digits > 1 && text_[start] == '0')) return std::nullopt;
    return value;
}

void VocabularyScanner::skip_space() noexcept {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
        ++at_;
}

/// The text is no longer with its escapes undone than before.
std::optional<std::string_view> VocabularyScanner::unescaped(std::string_view inside) {
    if (unescaped_.size() < inside.size()) unescaped_.resize(inside.size());
    char* to = unescaped_.data();
    for (std::size_t i = 0; i < inside.size(); ++i) {
        const std::size_t next = std::min(inside.find('\\', i), inside.size());
        to = std::copy(inside.data() + i, inside.data() + next, to);
        i = next + 1;
        if (next >= inside.size()) break;
        const char letter = inside[i];
        constexpr std::string_view kLetters = "\"\\/bfnrt";
        constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
        if (const std::size_t known = kLetters.find(letter); known != kLetters.npos) {
            *to++ = kMeanings[known];
            continue;
        }
        const std::optional<std::uint32_t> unit = letter == 'u' ? code_unit(inside.substr(i + 1)) : std::nullopt;
        if (!unit) return std::nullopt;
        to = put_utf8(*unit, to);
        i += 4;
    }
    return std::string_view(unescaped_.data(), static_cast<std::size_t>(to - unescaped_.data()));
}

}  // namespace octet::tokenize
