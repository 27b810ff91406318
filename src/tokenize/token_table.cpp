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

}  // namespace

void TokenTable::reserve(std::size_t tokens, std::size_t text_bytes) {
    tokens_.reserve(tokens);
    texts_.reserve(text_bytes);
    if (slots_for(tokens) > slots_.size()) grow(slots_for(tokens));
}

void TokenTable::append(std::string_view text, std::uint32_t number) {
    tokens_.push_back({static_cast<std::uint32_t>(texts_.size()), static_cast<std::uint32_t>(text.size()), number});
    texts_ += text;
}

void TokenTable::clear() noexcept {
    tokens_.resize(indexed_);
    texts_.resize(tokens_.empty() ? 0 : tokens_.back().start + tokens_.back().size);
}

std::optional<TokenTable::Double> TokenTable::index() {
    constexpr std::size_t kAhead = 16;
    if (is_full(slots_.size(), tokens_.size())) grow(slots_for(tokens_.size()));
    std::array<Question, kAhead> questions;
    for (std::size_t i = indexed_; i < tokens_.size() + kAhead; ++i) {
        Question& question = questions[i % kAhead];
        if (i >= indexed_ + kAhead) {
            const Token& token = tokens_[i - kAhead];
            std::uint32_t& place = place_of(token.number);
            if (place != 0) return Double{question.text, token.number, true};
            Slot& slot = slots_[slot_of(question)];
            if (slot.number != kMostTokens) return Double{question.text, token.number, false};
            place = static_cast<std::uint32_t>(i - kAhead + 1);
            slot = {question.bytes, token.size, token.number};
        }
        if (i < tokens_.size()) question = ask(text_of_token(tokens_[i]));
    }
    indexed_ = tokens_.size();
    return std::nullopt;
}

TokenTable::Question TokenTable::question_of(std::string_view text) noexcept {
    const std::size_t size = text.size();
    const char* const bytes = text.data();
    std::uint64_t all = 0;
    if (size > 8) {
        all = loaded<std::uint64_t>(bytes + size - 8);
        for (std::size_t i = 0; i + 8 < size; i += 8) all = mixed(all) ^ loaded<std::uint64_t>(bytes + i);
    } else if (size >= 4) {
        all = loaded<std::uint32_t>(bytes) | loaded<std::uint32_t>(bytes + size - 4) << 32U;
    } else if (size > 0) {
        all = loaded<std::uint8_t>(bytes) | loaded<std::uint8_t>(bytes + size / 2) << 8U |
              loaded<std::uint8_t>(bytes + size - 1) << 16U;
    }
    return {text, all, mixed(mixed(all) ^ static_cast<std::uint64_t>(size) << 40U)};
}

TokenTable::Question TokenTable::ask(std::string_view text) const noexcept {
    const Question question = question_of(text);
    if (!slots_.empty()) __builtin_prefetch(slots_.data() + (question.hash & (slots_.size() - 1)));
    return question;
}

std::optional<std::uint32_t> TokenTable::find(const Question& question) const noexcept {
    if (slots_.empty()) return std::nullopt;
    const Slot& slot = slots_[slot_of(question)];
    return slot.number == kMostTokens ? std::nullopt : std::optional(slot.number);
}

std::optional<std::uint32_t> TokenTable::find_next(std::string_view text) noexcept {
    if (next_ < tokens_.size() && text_of_token(tokens_[next_]) == text) return tokens_[next_++].number;
    const std::optional<std::uint32_t> number = find(ask(text));
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
std::size_t TokenTable::slot_of(const Question& question) const noexcept {
    const std::size_t last = slots_.size() - 1;
    const std::size_t size = question.text.size();
    std::size_t at = question.hash & last;
    for (; slots_[at].number != kMostTokens; at = (at + 1) & last) {
        if (slots_[at].bytes != question.bytes || slots_[at].size != size) continue;
        if (size <= 8 || text_of(slots_[at].number) == question.text) break;
    }
    return at;
}

void TokenTable::grow(std::size_t slots) {
    slots_.assign(slots, Slot{});
    for (std::size_t i = 0; i < indexed_; ++i) {
        const Question question = ask(text_of_token(tokens_[i]));
        std::size_t at = question.hash & (slots - 1);
        while (slots_[at].number != kMostTokens) at = (at + 1) & (slots - 1);
        slots_[at] = {question.bytes, tokens_[i].size, tokens_[i].number};
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

std::size_t MergeTable::slot_of(std::uint32_t left, std::uint32_t right, std::uint64_t hash) const noexcept {
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
