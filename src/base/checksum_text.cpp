// A checksum as 32 small hexadecimal digits, and back; anything else is no checksum.
#include "octet/report.hpp"

namespace octet {
namespace {

int digit_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

std::string checksum_text(const Checksum& checksum) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text(2 * checksum.bytes.size(), '0');
    char* digit = text.data();
    for (const unsigned char byte : checksum.bytes) {
        *digit++ = kDigits[byte >> 4U];
        *digit++ = kDigits[byte & 15U];
    }
    return text;
}

std::optional<Checksum> parse_checksum(std::string_view text) {
    Checksum checksum;
    if (text.size() != 2 * checksum.bytes.size()) return std::nullopt;
    for (std::size_t i = 0; i < checksum.bytes.size(); ++i) {
        const int high = digit_value(text[2 * i]);
        const int low = digit_value(text[2 * i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        checksum.bytes[i] = static_cast<unsigned char>(high * 16 + low);
    }
    return checksum;
}

}  // namespace octet
