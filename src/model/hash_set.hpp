// Half of the hashes of texts, by the other half: tells texts that are certainly not there, or certainly new. They lie in groups that are
// looked at as a whole, as nobody could foretell which of its places a hash has, and a wrong guess costs more than the search.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace octet::model {

class HashSet {
  public:
    static constexpr std::size_t kGroup = 4;

    /// The slots are zeros, a power of two of them and at least kGroup, aligned to 16 bytes; they outlive it.
    explicit HashSet(std::span<std::uint32_t> slots) : slots_(slots) {}

    /// False where it may be there already, and where there is no room.
    bool insert(std::uint64_t hash) noexcept {
        if (5 * ++count_ > 4 * slots_.size()) return false;
        const std::uint32_t tag = tag_of(hash);
        std::size_t at = group_of(hash);
        bool is_new = places_of(tag, at) == 0;
        unsigned free = places_of(0, at);
        for (; free == 0; free = places_of(0, at)) {
            at = next_of(at);
            is_new = is_new && places_of(tag, at) == 0;
        }
        slots_[at + static_cast<std::size_t>(std::countr_zero(free))] = tag;
        return is_new;
    }

    bool has(std::uint64_t hash) const noexcept {
        const std::uint32_t tag = tag_of(hash);
        std::size_t at = group_of(hash);
        for (; places_of(tag, at) == 0; at = next_of(at)) {
            if (places_of(0, at) != 0) return false;
        }
        return true;
    }

  private:
    static std::uint32_t tag_of(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash >> 32U) | 1U; }

    std::size_t group_of(std::uint64_t hash) const noexcept { return hash & (slots_.size() - kGroup); }

    std::size_t next_of(std::size_t at) const noexcept { return (at + kGroup) & (slots_.size() - 1); }

    /// A bit for each slot of a group that holds that.
    unsigned places_of(std::uint32_t tag, std::size_t at) const noexcept {
#if defined(__SSE2__)
        const __m128i group = _mm_load_si128(reinterpret_cast<const __m128i*>(slots_.data() + at));
        const __m128i equal = _mm_cmpeq_epi32(group, _mm_set1_epi32(static_cast<int>(tag)));
        return static_cast<unsigned>(_mm_movemask_ps(_mm_castsi128_ps(equal)));
#else
        unsigned places = 0;
        for (unsigned i = 0; i < kGroup; ++i) places |= (slots_[at + i] == tag ? 1U : 0U) << i;
        return places;
#endif
    }

    std::span<std::uint32_t> slots_;
    std::size_t count_ = 0;
};

}  // namespace octet::model
