#include "model/vocabulary_text.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "model/find_byte.hpp"

namespace octet::model {
namespace {

class Scanner {
  public:
    explicit Scanner(std::string_view text) : text_(text) {}

    std::size_t at() const noexcept { return at_; }

    /// Where the last string begins, behind its quotation mark.
    std::size_t string_start() const noexcept { return string_start_; }

    /// Takes that character, and white space before it; false where another stands there.
    bool take(char wanted) noexcept {
        skip_space();
        if (at_ >= text_.size() || text_[at_] != wanted) return false;
        ++at_;
        return true;
    }

    /// A string, from its first quotation mark on. The view holds until the next call.
    std::optional<std::string_view> string() {
        if (!take('"')) return std::nullopt;
        const std::size_t start = string_start_ = at_;
        bool has_escapes = false;
        while (true) {
            at_ = find_byte<0x20, '"', '\\'>(text_, at_);
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
    std::optional<std::uint32_t> number() noexcept {
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

  private:
    static bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

    void skip_space() noexcept {
        while (at_ < text_.size() &&
               (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
            ++at_;
    }

    /// The text is no longer with its escapes undone than before.
    std::optional<std::string_view> unescaped(std::string_view inside) {
        if (unescaped_.size() < inside.size()) unescaped_.resize(inside.size());
        char* to = unescaped_.data();
        for (std::size_t i = 0; i < inside.size(); ++i) {
            const std::size_t next = find_byte<0, '\\'>(inside, i);
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

    /// The first four characters as a hexadecimal number that is no half of a pair.
    static std::optional<std::uint32_t> code_unit(std::string_view digits) noexcept {
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
    static char* put_utf8(std::uint32_t point, char* to) noexcept {
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

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t string_start_ = 0;
    std::string unescaped_;
};

}  // namespace

std::size_t scan_vocabulary(std::string_view text, const AddToken& add) {
    Scanner scanner(text);
    if (!scanner.take('{')) return 0;
    if (scanner.take('}')) return scanner.at();
    while (true) {
        const std::optional<std::string_view> token = scanner.string();
        if (!token || !scanner.take(':')) return 0;
        const std::optional<std::uint32_t> number = scanner.number();
        if (!number) return 0;
        const bool ends = !scanner.take(',');
        if (ends && !scanner.take('}')) return 0;
        add(*token, *number, scanner.string_start());
        if (ends) return scanner.at();
    }
}

std::string token_at(std::string_view text, std::size_t start) {
    Scanner scanner(text.substr(start - 1));
    return std::string(scanner.string().value_or(""));
}

}  // namespace octet::model
