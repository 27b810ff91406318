// Both directions go through the rows in order: the number in place of "#" is taken out of one
// pattern and put into the other.
#include "formats/gguf/names.hpp"

#include <algorithm>
#include <array>

namespace octet::gguf {
namespace {

constexpr std::array<std::string_view, 2> kLeaves = {".weight", ".bias"};

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// The digits that stand for "#" where `name` is `pattern`; nothing where it is not. A pattern has
/// at most one "#".
std::optional<std::string_view> match(std::string_view pattern, std::string_view name) {
    const std::size_t number = pattern.find('#');
    if (number == pattern.npos)
        return pattern == name ? std::optional<std::string_view>("") : std::nullopt;
    const std::string_view behind = pattern.substr(number + 1);
    if (name.size() <= number + behind.size() || !name.starts_with(pattern.substr(0, number)) ||
        !name.ends_with(behind))
        return std::nullopt;
    const std::string_view digits = name.substr(number, name.size() - number - behind.size());
    const bool is_number = std::all_of(digits.begin(), digits.end(), is_digit);
    const bool is_plain = digits.size() == 1 || digits.front() != '0';
    return is_number && is_plain ? std::optional(digits) : std::nullopt;
}

std::string filled(std::string_view pattern, std::string_view digits) {
    std::string name(pattern);
    const std::size_t number = name.find('#');
    return number == name.npos ? name : name.replace(number, 1, digits);
}

/// The leaf that `name` ends in, or an empty one.
std::string_view leaf_of(std::string_view name) {
    const auto* const leaf = std::find_if(
        kLeaves.begin(), kLeaves.end(), [&](std::string_view one) { return name.ends_with(one); });
    return leaf == kLeaves.end() ? std::string_view() : *leaf;
}

}  // namespace

std::optional<Renamed> target_of(std::span<const NameRow> rows, std::string_view name) {
    const std::string_view leaf = leaf_of(name);
    const std::string_view module = name.substr(0, name.size() - leaf.size());
    for (const NameRow& row : rows) {
        if (row.target.empty()) {
            if (match(row.source, name)) return Renamed{&row, ""};
            continue;
        }
        if (leaf.empty()) continue;
        if (const auto digits = match(row.source, module))
            return Renamed{&row, filled(row.target, *digits) + std::string(leaf)};
    }
    return std::nullopt;
}

std::optional<Source> source_of(std::span<const NameRow> rows, std::string_view target) {
    const std::string_view leaf = leaf_of(target);
    if (leaf.empty()) return std::nullopt;
    const std::string_view module = target.substr(0, target.size() - leaf.size());
    for (const NameRow& row : rows) {
        if (row.target.empty() || row.is_alias) continue;
        if (const auto digits = match(row.target, module))
            return Source{&row, filled(row.source, *digits) + std::string(leaf)};
    }
    return std::nullopt;
}

}  // namespace octet::gguf
