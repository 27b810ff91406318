// The one table of words: what a module, or a bare parameter, is by its name. A new architecture
// that calls something by another word is a row here; what shapes, places and neighbours say is in
// arch/survey. Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "arch/names.hpp"

namespace octet::arch {

/// What a word stands for.
enum class Meaning : std::uint8_t {
    kNone,
    kBuffer,     ///< what is made rather than learned: masks, frequencies, running means
    kLinear,     ///< a matrix that multiplies, whatever else its name holds
    kPosition,   ///< tables of positions
    kNorm,       ///< scales and shifts of a normalization
    kHead,       ///< what makes scores of the last hidden state
    kOuterHead,  ///< the same outside of the layers only
    kEmbedding,  ///< tables of tokens and the like
};

/// Of a module's name, or of a bare parameter's.
Meaning meaning_of(std::string_view word);

/// The same of the words of a checkpoint, which are few in many names: each is looked up once.
/// Keeps views of them.
class Words {
  public:
    Meaning meaning_of(std::string_view word);

  private:
    std::unordered_map<std::string_view, Meaning> known_;
};

}  // namespace octet::arch
