// Lines, words and the seal; see the header.
#include "parts/lines.hpp"

#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "quant/checksum.hpp"

namespace octet::parts {
namespace {

constexpr std::string_view kSeal = "seal ";

/// Where the line of the seal begins.
std::size_t seal_begin(std::string_view text) {
    const std::size_t at = text.rfind(kSeal);
    const bool is_last = at != text.npos && text.find('\n', at) == text.size() - 1;
    return is_last && (at == 0 || text[at - 1] == '\n') ? at : text.npos;
}

std::string checksum_of_text(std::string_view text) {
    return checksum_text(quant::checksum_of(std::as_bytes(std::span(text))));
}

}  // namespace

std::string word_of(std::string_view text) {
    if (text.empty()) return "%";
    std::string word;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = byte > 0x20 && byte < 0x7f && c != '%';
        word += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
    }
    return word;
}

std::optional<std::string> text_of_word(std::string_view word) {
    if (word == "%") return std::string();
    if (word.empty()) return std::nullopt;
    std::string text;
    while (!word.empty()) {
        if (word.front() != '%') {
            text += word.front();
            word.remove_prefix(1);
            continue;
        }
        unsigned value = 0;
        const char* const end = word.data() + std::min<std::size_t>(word.size(), 3);
        const auto result = std::from_chars(word.data() + 1, end, value, 16);
        if (word.size() < 3 || result.ec != std::errc() || result.ptr != end) return std::nullopt;
        text += static_cast<char>(value);
        word.remove_prefix(3);
    }
    return text;
}

std::string sealed(std::string lines) {
    const std::string seal = checksum_of_text(lines);
    return std::move(lines) + std::string(kSeal) + seal + "\n";
}

std::string_view seal_of(std::string_view sealed_text) {
    const std::size_t at = seal_begin(sealed_text);
    if (at == sealed_text.npos) return {};
    return sealed_text.substr(at + kSeal.size(), sealed_text.size() - at - kSeal.size() - 1);
}

std::optional<std::string_view> unsealed(std::string_view text) {
    const std::size_t at = seal_begin(text);
    if (at == text.npos || seal_of(text) != checksum_of_text(text.substr(0, at)))
        return std::nullopt;
    return text.substr(0, at);
}

std::string_view take_line(std::string_view& text) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

std::string_view take_word(std::string_view& line) {
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return word;
}

}  // namespace octet::parts
