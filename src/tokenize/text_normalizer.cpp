// The trie is checked once, unit by unit, so that the walk over a text needs no checks; its answers
// point into the table of replacements, which is checked, too.
#include "tokenize/text_normalizer.hpp"

#include <bit>
#include <cstring>

#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet::tokenize {
namespace {

constexpr std::uint32_t kIsLeaf = 1U << 31U;
constexpr std::uint32_t kHasLeaf = 1U << 8U;

/// Of a unit that is no leaf: bits 10 to 30, in steps of 256 where bit 9 is set.
std::uint32_t offset(std::uint32_t unit) {
    return (unit >> 10U & 0x1FFFFFU) << ((unit & 1U << 9U) >> 6U);
}

/// The byte of a unit; of a leaf something that no byte is.
std::uint32_t label(std::uint32_t unit) {
    return unit & (kIsLeaf | 0xFFU);
}

/// Bytes of the character that a text begins with; 0 where it begins with none.
std::size_t character_size(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text[0]);
    const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    return size == 1 || (size <= text.size() && is_utf8(text.substr(0, size))) ? size : 0;
}

}  // namespace

NormalizationRules::NormalizationRules(std::string_view rules, std::string_view name)
    : name_(name) {
    if (rules.empty()) return;
    read(rules);
    check_trie();
    check_replacements();
}

void NormalizationRules::read(std::string_view rules) {
    static_assert(std::endian::native == std::endian::little);
    std::uint32_t bytes = 0;
    if (rules.size() < sizeof bytes)
        refuse_piece_model(name_, "its normalization rules are cut off");
    std::memcpy(&bytes, rules.data(), sizeof bytes);
    rules.remove_prefix(sizeof bytes);
    if (bytes % sizeof bytes != 0 || bytes == 0 || bytes > rules.size())
        refuse_piece_model(name_, "its normalization rules have a trie of " +
                                      counted(bytes, "byte") + " in " + with_commas(rules.size()));
    units_.resize(bytes / sizeof bytes);
    std::memcpy(units_.data(), rules.data(), bytes);
    replacements_ = rules.substr(bytes);
}

/// Whatever byte follows, and whatever unit was reached by it, the next one lies in the array. A
/// search begins at the first one and goes on from none that is a leaf.
void NormalizationRules::check_trie() const {
    if ((units_[0] & kIsLeaf) != 0)
        refuse_piece_model(name_, "the trie of its normalization rules begins with a leaf");
    for (std::size_t place = 0; place < units_.size(); ++place) {
        const std::uint32_t unit = units_[place];
        if ((unit & kIsLeaf) != 0) continue;
        const std::size_t base = place ^ offset(unit);
        const auto refuse = [&](const std::string& why) {
            refuse_piece_model(name_,
                               "unit " + with_commas(place) + " of its normalization rules " + why);
        };
        if ((base | 0xFFU) >= units_.size())
            refuse("leads out of their " + with_commas(units_.size()));
        if ((unit & kHasLeaf) == 0) continue;
        const std::size_t replacement = units_[base] & ~kIsLeaf;
        if ((units_[base] & kIsLeaf) == 0 || replacement >= replacements_.size())
            refuse("has no replacement among their " + counted(replacements_.size(), "byte"));
        if ((static_cast<unsigned char>(replacements_[replacement]) & 0xC0U) == 0x80U)
            refuse("has a replacement that begins within a character");
    }
}

void NormalizationRules::check_replacements() const {
    if (replacements_.empty()) return;
    if (replacements_.back() != '\0' || !is_utf8(replacements_))
        refuse_piece_model(
            name_, "the replacements of its normalization rules are no UTF-8 texts with ends");
    for (std::size_t begin = 0; begin < replacements_.size();) {
        const std::size_t end = replacements_.find('\0', begin);
        if (end - begin > kMostBytes)
            refuse_piece_model(name_, "a replacement of its normalization rules has " +
                                          counted(end - begin, "byte") + ", more than " +
                                          with_commas(kMostBytes));
        begin = end + 1;
    }
}

NormalizationRules::Match NormalizationRules::longest(std::string_view text) const {
    Match match;
    if (units_.empty()) return match;
    std::size_t base = offset(units_[0]);
    for (std::size_t at = 0; at < text.size(); ++at) {
        const std::uint32_t byte = static_cast<unsigned char>(text[at]);
        const std::size_t place = base ^ byte;
        const std::uint32_t unit = units_[place];
        if (label(unit) != byte) break;
        if (at == kMostBytes)
            refuse_piece_model(
                name_, "a normalization rule takes more than " + counted(kMostBytes, "byte"));
        base = place ^ offset(unit);
        if ((unit & kHasLeaf) == 0) continue;
        const std::string_view rest = replacements_.substr(units_[base] & ~kIsLeaf);
        match = {at + 1, rest.substr(0, rest.find('\0'))};
    }
    return match;
}

TextNormalizer::TextNormalizer(const NormalizerSpec& spec, bool space_is_suffix,
                               const PieceTrie& symbols, std::string_view name)
    : spec_(spec),
      space_is_suffix_(space_is_suffix),
      symbols_(symbols),
      rules_(spec.rules, name),
      name_(name) {}

TextNormalizer::Prefix TextNormalizer::first(std::string_view text) const {
    std::size_t symbol = 0;
    symbols_.for_each_prefix(text, [&](std::size_t size, std::uint32_t) { symbol = size; });
    if (symbol > 0) return {symbol, text.substr(0, symbol)};
    const NormalizationRules::Match match = rules_.longest(text);
    if (match.size > 0) return {match.size, match.replacement};
    const std::size_t size = character_size(text);
    return size > 0 ? Prefix{size, text.substr(0, size)} : Prefix{1, "\xEF\xBF\xBD"};
}

void TextNormalizer::append(std::string& normalized, std::string_view part) const {
    for (const char byte : part) {
        if (byte == ' ') {
            normalized += space();
        } else {
            normalized += byte;
        }
    }
}

std::string TextNormalizer::normalize(std::string_view text) const {
    const std::size_t most = 1024 + 16 * text.size();  // NFKC makes 11 bytes of one at most
    if (spec_.removes_extra_spaces) {
        while (!text.empty()) {
            const Prefix prefix = first(text);
            if (prefix.normalized != " ") break;
            text.remove_prefix(prefix.size);
        }
    }
    std::string normalized;
    if (text.empty()) return normalized;
    normalized.reserve(text.size() + text.size() / 2);
    if (!space_is_suffix_ && spec_.has_dummy_prefix) normalized += space();
    bool is_after_space = spec_.removes_extra_spaces;
    while (!text.empty()) {
        auto [size, part] = first(text);
        while (is_after_space && part.starts_with(' ')) part.remove_prefix(1);
        append(normalized, part);
        if (normalized.size() > most)
            refuse_piece_model(name_, "its normalization rules make more than 16 bytes of one");
        if (!part.empty()) is_after_space = spec_.removes_extra_spaces && part.ends_with(' ');
        text.remove_prefix(size);
    }
    if (spec_.removes_extra_spaces) {
        while (normalized.ends_with(space())) normalized.resize(normalized.size() - space().size());
    }
    if (space_is_suffix_ && spec_.has_dummy_prefix) normalized += space();
    return normalized;
}

}  // namespace octet::tokenize
