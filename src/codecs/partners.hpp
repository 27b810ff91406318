// Which tensor of one side is held against which of the other. Mostly the one of the same name;
// where a side is a GGUF file, whose names are made from a table, what wrappers put before a name
// does not count, and a head that one side has and the other ties is held against the embedding.
#pragma once

#include <optional>
#include <string_view>
#include <unordered_map>

#include "formats/float_source.hpp"

namespace octet::codecs {

class Partners {
  public:
    /// Both outlive it.
    Partners(const formats::FloatSource& a, const formats::FloatSource& b);

    /// The partner of tensor `place` of the side, on the other one.
    std::optional<std::size_t> in_b(std::size_t place_a) const {
        return partner(a_, place_a, b_, plain_b_);
    }
    std::optional<std::size_t> in_a(std::size_t place_b) const {
        return partner(b_, place_b, a_, plain_a_);
    }

    /// The same, and of a head without one the other side's embedding of its shape.
    std::optional<std::size_t> in_b_or_tied(std::size_t place_a) const;
    std::optional<std::size_t> tied_in_a(std::size_t place_b) const {
        return embedding_for(b_, place_b, a_);
    }

  private:
    using Plain = std::unordered_map<std::string_view, std::size_t>;

    static Plain plain_names(const formats::FloatSource& source);
    std::optional<std::size_t> partner(const formats::FloatSource& one, std::size_t place,
                                       const formats::FloatSource& other,
                                       const Plain& others) const;
    std::optional<std::size_t> embedding_for(const formats::FloatSource& one, std::size_t place,
                                             const formats::FloatSource& other) const;

    const formats::FloatSource& a_;
    const formats::FloatSource& b_;
    bool by_plain_names_;
    Plain plain_a_;
    Plain plain_b_;
};

}  // namespace octet::codecs
