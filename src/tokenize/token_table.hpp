// Tokens by their text and by their number, and merges by their pair: open addressing, as every
// start fills and asks these tables some 300,000 times before a first token comes. No token has
// memory of its own, and a short one lies in its slot.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace octet::tokenize {

/// Numbers of tokens are below this.
inline constexpr std::uint32_t kMostTokens = 1U << 24U;

class TokenTable {
  public:
    /// `memory` outlives it.
    explicit TokenTable(std::pmr::memory_resource* memory)
        : slots_(memory), tokens_(memory), texts_(memory) {}

    /// Room for so many, so that none moves; more fit all the same.
    void reserve(std::size_t tokens, std::size_t text_bytes);

    enum class Added { kNew, kNumberTaken, kTextTwice };

    /// `number` < kMostTokens; all texts together have less than 4 GiB. Nothing is added of what is
    /// not new.
    Added add(std::string_view text, std::uint32_t number);

    std::optional<std::uint32_t> find(std::string_view text) const noexcept;

    /// The same, where the token behind the last one found this way is so often asked for that it
    /// is looked at first.
    std::optional<std::uint32_t> find_next(std::string_view text) noexcept;

    /// Empty of a number that no token has.
    std::string_view text_of(std::uint32_t number) const noexcept;

  private:
    static constexpr std::uint32_t kPage = 4096;
    using NumberPage = std::array<std::uint32_t, kPage>;

    struct Token {
        std::uint32_t start = 0;  ///< in texts_
        std::uint32_t size = 0;
        std::uint32_t number = 0;
    };
    struct Slot {
        std::uint64_t bytes = 0;  ///< of a text of at most 8 all of them, or else their hash
        std::uint32_t size = 0;
        std::uint32_t number = kMostTokens;  ///< that: none
    };

    std::string_view text_of_token(const Token& token) const noexcept {
        return {texts_.data() + token.start, token.size};
    }
    std::size_t slot_of(std::string_view text, std::uint64_t bytes) const noexcept;
    std::uint32_t& place_of(std::uint32_t number);
    void grow(std::size_t slots);

    std::pmr::vector<Slot> slots_;  ///< a power of two
    std::pmr::vector<Token> tokens_;
    std::pmr::string texts_;
    std::array<std::unique_ptr<NumberPage>, kMostTokens / kPage>
        places_;            ///< by number: in tokens_, + 1; 0: none
    std::size_t next_ = 0;  ///< where find_next() looks first
};

struct Merge {
    std::uint32_t left = 0;
    std::uint32_t right = 0;
    std::uint32_t merged = 0;  ///< the token that the two become
};

class MergeTable {
  public:
    /// `memory` outlives it.
    explicit MergeTable(std::pmr::memory_resource* memory) : slots_(memory), merges_(memory) {}

    void reserve(std::size_t merges);

    /// With the next rank, unless the pair has a lower one already. False where there is no room
    /// for more: 2^32 - 1.
    bool insert(const Merge& merge);

    /// The rank of the merge of these two, the lowest of which goes first; it is below size() where
    /// they merge.
    std::uint32_t rank_of(std::uint32_t left, std::uint32_t right) const noexcept;

    const Merge& operator[](std::uint32_t rank) const noexcept { return merges_[rank]; }
    std::size_t size() const noexcept { return merges_.size(); }

  private:
    static constexpr std::uint32_t kNone = 0xFFFFFFFF;

    struct Slot {
        std::uint32_t hash = 0;
        std::uint32_t rank = kNone;
    };

    static std::uint64_t hash_of(std::uint32_t left, std::uint32_t right) noexcept;
    std::size_t slot_of(std::uint32_t left, std::uint32_t right, std::uint64_t hash) const noexcept;
    void grow(std::size_t slots);

    std::pmr::vector<Slot> slots_;  ///< a power of two
    std::pmr::vector<Merge> merges_;
};

}  // namespace octet::tokenize
