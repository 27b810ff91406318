// Of a known family its profile says what is tied. Of others, embeddings and heads are told by the
// last module of their names, or their kinds, and two of one dtype and shape may be one.
#include "checkpoint/ties.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace octet::checkpoint {
namespace {

enum class TieRole { kNone, kEmbedding, kHead };

template <std::size_t N>
bool ends_in_any(std::string_view name, const std::array<std::string_view, N>& modules) {
    constexpr std::string_view kLeaf = ".weight";
    if (!name.ends_with(kLeaf)) return false;
    name.remove_suffix(kLeaf.size());
    const std::string_view module = name.substr(name.rfind('.') + 1);  // npos + 1 is 0
    return std::find(modules.begin(), modules.end(), module) != modules.end();
}

TieRole role_of(const TensorReport& tensor) {
    static constexpr std::array<std::string_view, 9> kEmbeddings = {
        "embed_tokens",   "shared",          "wte",        "word_embeddings", "embed_in",
        "tok_embeddings", "token_embedding", "embeddings", "tokens_embed"};
    static constexpr std::array<std::string_view, 8> kHeads = {
        "lm_head", "proj_out",     "embed_out", "output",
        "decoder", "output_layer", "head",      "output_projection"};
    if (tensor.shape.size() != 2) return TieRole::kNone;
    if (ends_in_any(tensor.name, kHeads)) return TieRole::kHead;
    if (ends_in_any(tensor.name, kEmbeddings)) return TieRole::kEmbedding;
    if (tensor.kind == Kind::kHead) return TieRole::kHead;
    return tensor.kind == Kind::kEmbedding ? TieRole::kEmbedding : TieRole::kNone;
}

}  // namespace

std::vector<std::vector<std::size_t>> tie_candidates(Family family,
                                                     const std::vector<TensorReport>& tensors) {
    std::vector<std::vector<std::size_t>> candidates(tensors.size());
    const auto declared = declared_ties(family, tensors);
    for (std::size_t i = 0; i < declared.size(); ++i) {
        if (declared[i]) candidates[i].push_back(*declared[i]);
    }
    if (family != Family::kUnknown) return candidates;
    constexpr std::size_t kMost =
        64;  // more embeddings and heads has no model; what a hostile file has stays apart
    std::vector<std::size_t> found;  // embeddings first, so that a head is the one that is tied
    for (const TieRole role : {TieRole::kEmbedding, TieRole::kHead}) {
        for (std::size_t i = 0; i < tensors.size() && found.size() < kMost; ++i) {
            if (role_of(tensors[i]) == role) found.push_back(i);
        }
    }
    for (std::size_t i = 0; i < found.size(); ++i) {
        const TensorReport& tensor = tensors[found[i]];
        for (std::size_t k = 0; k < i; ++k) {
            const TensorReport& other = tensors[found[k]];
            if (other.dtype == tensor.dtype && other.shape == tensor.shape)
                candidates[found[i]].push_back(found[k]);
        }
    }
    return candidates;
}

}  // namespace octet::checkpoint
