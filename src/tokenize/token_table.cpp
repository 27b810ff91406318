// Open addressing with hashes of 64 bits; a text of at most 8 bytes is compared as a number.
#include "tokenize/token_table.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace octet::tokenize {
namespace {

constexpr std::uint64_t kMix = 0x9E3779B97F4A7C15;  // 2^64 / the golden ratio, odd
constexpr std::size_t kFewestSlots = 1024;

/// Its high half is good, its low half less.
std::uint64_t mixed(std::uint64_t value) noexcept {
    value *= kMix;
    return value ^ value >> 32U;
}

template <typename T>
std::uint64_t loaded(const char* from) noexcept {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

/// At most four fifths are taken.
bool is_full(std::size_t slots, std::size_t count) noexcept {
    return 5 * count > 4 * slots;
}

std::size_t slots_for(std::size_t count) noexcept {
    const std::size_t slots = std::bit_ceil(std::max(kFewestSlots, count));
    return is_full(slots, count) ? 2 * slots : slots;
}

/// Of a text of at most 8 bytes what tells it from all others of its size, of a longer one a hash.
std::uint64_t bytes_or_hash(std::string_view text) noexcept {
    const std::size_t size = text.size();
    const char* const bytes = text.data();
    std::uint64_t all = 0;
    if (size > 8) {
        all = loaded<std::uint64_t>(bytes + size - 8);
        for (std::size_t i = 0; i + 8 < size; i += 8)
            all = mixed(all) ^ loaded<std::uint64_t>(bytes + i);
    } else if (size >= 4) {
        all = loaded<std::uint32_t>(bytes) | loaded<std::uint32_t>(bytes + size - 4) << 32U;
    } else if (size > 0) {
        all = loaded<std::uint8_t>(bytes) | loaded<std::uint8_t>(bytes + size / 2) << 8U |
              loaded<std::uint8_t>(bytes + size - 1) << 16U;
    }
    return all;
}

std::uint64_t hash_of(std::uint64_t bytes, std::size_t size) noexcept {
    return mixed(mixed(bytes) ^ static_cast<std::uint64_t>(size) << 40U);
}

}  // namespace

void TokenTable::reserve(std::size_t tokens, std::size_t text_bytes) {
    tokens_.reserve(tokens);
    texts_.reserve(text_bytes);
    if (slots_for(tokens) > slots_.size()) grow(slots_for(tokens));
}

TokenTable::Added TokenTable::add(std::string_view text, std::uint32_t number) {
    if (is_full(slots_.size(), tokens_.size() + 1)) grow(slots_for(2 * (tokens_.size() + 1)));
    std::uint32_t& place = place_of(number);
    if (place != 0) return Added::kNumberTaken;
    const std::uint64_t bytes = bytes_or_hash(text);
    Slot& slot = slots_[slot_of(text, bytes)];
    if (slot.number != kMostTokens) return Added::kTextTwice;
    const auto size = static_cast<std::uint32_t>(text.size());
    slot = {bytes, size, number};
    tokens_.push_back({static_cast<std::uint32_t>(texts_.size()), size, number});
    texts_ += text;
    place = static_cast<std::uint32_t>(tokens_.size());
    return Added::kNew;
}

std::optional<std::uint32_t> TokenTable::find(std::string_view text) const noexcept {
    if (slots_.empty()) return std::nullopt;
    const Slot& slot = slots_[slot_of(text, bytes_or_hash(text))];
    return slot.number == kMostTokens ? std::nullopt : std::optional(slot.number);
}

std::optional<std::uint32_t> TokenTable::find_next(std::string_view text) noexcept {
    if (next_ < tokens_.size() && text_of_token(tokens_[next_]) == text)
        return tokens_[next_++].number;
    const std::optional<std::uint32_t> number = find(text);
    if (number) next_ = place_of(*number);
    return number;
}

std::string_view TokenTable::text_of(std::uint32_t number) const noexcept {
    if (number >= kMostTokens || !places_[number / kPage]) return {};
    const std::uint32_t place = (*places_[number / kPage])[number % kPage];
    return place == 0 ? std::string_view() : text_of_token(tokens_[place - 1]);
}

std::uint32_t& TokenTable::place_of(std::uint32_t number) {
    std::unique_ptr<NumberPage>& page = places_[number / kPage];
    if (!page) page = std::make_unique<NumberPage>();
    return (*page)[number % kPage];
}

/// The slot of that text, or the empty one where it belongs.
std::size_t TokenTable::slot_of(std::string_view text, std::uint64_t bytes) const noexcept {
    const std::size_t last = slots_.size() - 1;
    std::size_t at = hash_of(bytes, text.size()) & last;
    for (; slots_[at].number != kMostTokens; at = (at + 1) & last) {
        if (slots_[at].bytes != bytes || slots_[at].size != text.size()) continue;
        if (text.size() <= 8 || text_of(slots_[at].number) == text) break;
    }
    return at;
}

void TokenTable::grow(std::size_t slots) {
    slots_.assign(slots, Slot{});
    for (const Token& token : tokens_) {
        const std::uint64_t bytes = bytes_or_hash(text_of_token(token));
        std::size_t at = hash_of(bytes, token.size) & (slots - 1);
        while (slots_[at].number != kMostTokens) at = (at + 1) & (slots - 1);
        slots_[at] = {bytes, token.size, token.number};
    }
}

std::uint64_t MergeTable::hash_of(std::uint32_t left, std::uint32_t right) noexcept {
    return mixed(mixed(static_cast<std::uint64_t>(left) << 32U | right));
}

void MergeTable::reserve(std::size_t merges) {
    merges_.reserve(merges);
    if (slots_for(merges) > slots_.size()) grow(slots_for(merges));
}

bool MergeTable::insert(const Merge& merge) {
    if (is_full(slots_.size(), merges_.size() + 1)) grow(slots_for(2 * (merges_.size() + 1)));
    const std::uint64_t hash = hash_of(merge.left, merge.right);
    Slot& slot = slots_[slot_of(merge.left, merge.right, hash)];
    if (slot.rank != kNone) return true;
    if (merges_.size() == kNone) return false;
    slot = {static_cast<std::uint32_t>(hash >> 32U), static_cast<std::uint32_t>(merges_.size())};
    merges_.push_back(merge);
    return true;
}

std::uint32_t MergeTable::rank_of(std::uint32_t left, std::uint32_t right) const noexcept {
    return slots_.empty() ? kNone : slots_[slot_of(left, right, hash_of(left, right))].rank;
}

std::size_t MergeTable::slot_of(std::uint32_t left, std::uint32_t right,
                                std::uint64_t hash) const noexcept {
    const std::size_t last = slots_.size() - 1;
    const auto high = static_cast<std::uint32_t>(hash >> 32U);
    std::size_t at = hash & last;
    for (; slots_[at].rank != kNone; at = (at + 1) & last) {
        if (slots_[at].hash != high) continue;
        const Merge& merge = merges_[slots_[at].rank];
        if (merge.left == left && merge.right == right) break;
    }
    return at;
}

void MergeTable::grow(std::size_t slots) {
    slots_.assign(slots, Slot{});
    for (std::size_t rank = 0; rank < merges_.size(); ++rank) {
        const std::uint64_t hash = hash_of(merges_[rank].left, merges_[rank].right);
        std::size_t at = hash & (slots - 1);
        while (slots_[at].rank != kNone) at = (at + 1) & (slots - 1);
        slots_[at] = {static_cast<std::uint32_t>(hash >> 32U), static_cast<std::uint32_t>(rank)};
    }
}

}  // namespace octet::tokenize
