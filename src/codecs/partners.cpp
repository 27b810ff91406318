// By name first, then by what is left of a name without the prefixes of wrappers; a head without a
// partner is held against an embedding of its shape.
#include "codecs/partners.hpp"

#include <algorithm>

#include "arch/names.hpp"

namespace octet::codecs {

using formats::FloatSource;

Partners::Partners(const FloatSource& a, const FloatSource& b)
    : a_(a),
      b_(b),
      by_plain_names_(a.is_gguf() || b.is_gguf() || a.came_quantized() || b.came_quantized()) {
    if (!by_plain_names_) return;
    plain_a_ = plain_names(a);
    plain_b_ = plain_names(b);
}

Partners::Plain Partners::plain_names(const FloatSource& source) {
    Plain names;
    for (std::size_t i = 0; i < source.tensors().size(); ++i)
        names.emplace(arch::without_wrappers(source.tensors()[i].name), i);
    return names;
}

std::optional<std::size_t> Partners::partner(const FloatSource& one, std::size_t place,
                                             const FloatSource& other, const Plain& others) const {
    const std::string& name = one.tensors()[place].name;
    const std::optional<std::size_t> same = other.find(name);
    if (same || !by_plain_names_) return same;
    const auto found = others.find(arch::without_wrappers(name));
    return found == others.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::size_t> Partners::embedding_for(const FloatSource& one, std::size_t place,
                                                   const FloatSource& other) const {
    const TensorReport& head = one.tensors()[place];
    // Encoder and decoder of T5 and BART share an embedding, which some formats store three times.
    const bool is_shared = head.kind == Kind::kHead || head.name.ends_with(".embed_tokens.weight");
    if (!by_plain_names_ || !is_shared) return std::nullopt;
    const std::vector<TensorReport>& tensors = other.tensors();
    const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const TensorReport& t) {
        return t.kind == Kind::kEmbedding && t.shape == head.shape;
    });
    return found == tensors.end() ? std::nullopt
                                  : std::optional<std::size_t>(found - tensors.begin());
}

std::optional<std::size_t> Partners::in_b_or_tied(std::size_t place_a) const {
    const std::optional<std::size_t> found = in_b(place_a);
    return found ? found : embedding_for(a_, place_a, b_);
}

}  // namespace octet::codecs
