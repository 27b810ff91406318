// SentencePiece's normalizer: each text goes through rules, such as NFKC, of which the longest that
// fits is taken at each place, and white space becomes U+2581. Its rules ("precompiled_charsmap")
// lie in the model file as
//
//   bytes of the trie (32 bits) | trie: units of 32 bits | replacements, each with a zero byte
//     behind it
//
// all little-endian. The trie is a double array (S. Yata's Darts-clone): from the unit at place p,
// the children begin at b = p ^ offset(unit), and byte c leads to the unit at b ^ c if that has the
// label c. A unit with a leaf has the place of its replacement in the unit at b. All of it is
// checked once, so that no text leads out of the array or the replacements.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tokenize/piece_trie.hpp"

namespace octet::tokenize {

/// The rules of a model, checked. None where `rules` is empty.
class NormalizationRules {
  public:
    /// Refuses (kBadInput) what is none, naming the model file.
    NormalizationRules(std::string_view rules, std::string_view name);

    struct Match {
        std::size_t size = 0;          ///< bytes of the text; 0: no rule fits
        std::string_view replacement;  ///< UTF-8, kMostBytes at most
    };

    /// The longest rule that the text begins with. kBadInput where one would take more than
    /// kMostBytes, as in a trie that leads back to itself.
    Match longest(std::string_view text) const;

    /// U+FDFA, the longest of NFKC, becomes 33 bytes.
    static constexpr std::size_t kMostBytes = 256;

  private:
    void read(std::string_view rules);
    void check_trie() const;
    void check_replacements() const;

    std::string name_;
    std::vector<std::uint32_t> units_;
    std::string_view replacements_;
};

class TextNormalizer {
  public:
    /// `symbols` is the trie of the pieces that stay as they are, user-defined ones; it and the
    /// bytes behind `spec` outlive it.
    TextNormalizer(const NormalizerSpec& spec, bool space_is_suffix, const PieceTrie& symbols,
                   std::string_view name);

    /// Valid UTF-8; a byte of no character becomes U+FFFD. kBadInput where rules make a text so
    /// long that only an attack explains it.
    std::string normalize(std::string_view text) const;

  private:
    struct Prefix {
        std::size_t size;  ///< of the text
        std::string_view normalized;
    };
    Prefix first(std::string_view text) const;
    void append(std::string& normalized, std::string_view part) const;
    std::string_view space() const noexcept { return spec_.escapes_spaces ? kEscapedSpace : " "; }

    static constexpr std::string_view kEscapedSpace = "\xE2\x96\x81";  // U+2581

    NormalizerSpec spec_;
    bool space_is_suffix_;
    const PieceTrie& symbols_;
    NormalizationRules rules_;
    std::string name_;
};

}  // namespace octet::tokenize
