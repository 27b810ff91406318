// Two passes: the first gives every tensor the kind that its name and shape say and lets neighbours
// in the same module correct it; the second looks for a matrix outside of the layers that has the
// shape of the token embedding.
#include "arch/kinds.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "arch/names.hpp"
#include "arch/words.hpp"

namespace octet::arch {
namespace {

/// What is made for attention and stored as `bias`: ones below the diagonal, the last two
/// dimensions alike. Two dimensions alone may be the biases of experts, unless an attention has
/// them.
bool is_mask(const Name& name, const Shape& shape) {
    if (name.leaf != "bias" || shape.size() < 2) return false;
    const std::size_t n = shape.size();
    if (shape[n - 1] != shape[n - 2]) return false;
    if (!std::all_of(shape.begin(), shape.end() - 2, [](std::uint64_t size) { return size == 1; }))
        return false;
    return n > 2 || plain_word(name.last).find("att") != std::string::npos;
}

bool is_buffer(const Name& name, const Shape& shape, Meaning of_module, Words& words) {
    return of_module == Meaning::kBuffer || words.meaning_of(name.leaf) == Meaning::kBuffer ||
           is_mask(name, shape);
}

/// Whether the module says what the tensor is, or the parameter's own name does.
bool is_named_by_module(const Name& name) {
    return is_weight_leaf(name.leaf) || is_bias_leaf(name.leaf) || name.leaf == "gamma" ||
           name.leaf == "beta" || name.leaf == "scale";
}

/// Norms of heads are stored as matrices, too: their module's name ends in it. A bare parameter
/// says "norm" and no abbreviation of it.
bool is_norm(const Name& name, bool by_module, bool is_vector, Meaning meaning) {
    if (meaning != Meaning::kNorm) return false;
    if (!by_module) return is_vector && plain_word(name.leaf).find("norm") != std::string::npos;
    return is_vector || plain_word(name.last).ends_with("norm");
}

bool is_head(const Name& name, Meaning meaning) {
    const std::string_view module = without_wrappers(name.module);
    if (module == "output" || module == "head") return true;  // of the model itself
    return meaning == Meaning::kHead || (meaning == Meaning::kOuterHead && !name.in_layers);
}

bool is_embedding(const Name& name, Meaning meaning) {
    return meaning == Meaning::kEmbedding || (name.last == "shared" && !name.in_layers);
}

Kind kind_of_parts(const Name& name, const Shape& shape, Words& words) {
    const Meaning of_module = words.meaning_of(name.last);
    if (is_buffer(name, shape, of_module, words)) return Kind::kBuffer;
    const bool by_module = is_named_by_module(name);
    const Meaning meaning = by_module ? of_module : words.meaning_of(name.leaf);
    const bool is_vector = wide_dimensions(shape) <= 1;
    if (meaning == Meaning::kPosition && !(is_bias_leaf(name.leaf) && by_module))
        return Kind::kPosition;
    if (is_norm(name, by_module, is_vector, meaning)) return Kind::kNorm;
    if (is_bias_leaf(name.leaf)) return Kind::kBias;
    const bool is_table = is_weight_leaf(name.leaf) && shape.size() == 2;
    if (is_table && is_head(name, meaning)) return Kind::kHead;
    if (is_table && is_embedding(name, meaning)) return Kind::kEmbedding;
    const bool multiplies = is_weight_leaf(name.leaf) || is_bare_weight_leaf(name.leaf);
    return multiplies && !is_vector ? Kind::kWeight : Kind::kOther;
}

/// What stands in the same module.
class Neighbours {
  public:
    explicit Neighbours(const std::vector<TensorReport>& tensors) : tensors_(tensors) {}

    const TensorReport* find(std::string_view module, std::string_view leaf) {
        if (by_name_.empty()) add_all();
        key_.assign(module).append(".").append(leaf);
        const auto found = by_name_.find(key_);
        return found == by_name_.end() ? nullptr : &tensors_[found->second];
    }

  private:
    /// When the first is asked for.
    void add_all() {
        by_name_.reserve(tensors_.size());
        for (std::size_t i = 0; i < tensors_.size(); ++i) by_name_.emplace(tensors_[i].name, i);
    }

    const std::vector<TensorReport>& tensors_;
    std::unordered_map<std::string_view, std::size_t> by_name_;
    std::string key_;
};

/// What the neighbours say against the name.
Kind corrected(const TensorReport& tensor, const Name& name, Neighbours& neighbours) {
    const bool is_vector = wide_dimensions(tensor.shape) <= 1;
    if (tensor.kind == Kind::kEmbedding && neighbours.find(name.module, "bias") != nullptr)
        return is_vector ? Kind::kOther : Kind::kWeight;
    if (tensor.kind == Kind::kNorm && name.leaf == "bias") {
        const TensorReport* const weight = neighbours.find(name.module, "weight");
        return weight != nullptr && wide_dimensions(weight->shape) > 1 ? Kind::kBias : Kind::kNorm;
    }
    if (tensor.kind == Kind::kOther && name.leaf == "weight" && tensor.shape.size() == 1) {
        const TensorReport* const bias = neighbours.find(name.module, "bias");
        const bool pair = bias != nullptr && bias->shape == tensor.shape;
        return pair || neighbours.find(name.module, "running_mean") != nullptr ? Kind::kNorm
                                                                               : Kind::kOther;
    }
    return tensor.kind;
}

/// Matrices outside of the layers that are shaped as the token embedding, or as the head where
/// nothing is called an embedding.
void assign_by_shape(std::vector<TensorReport>& tensors, Neighbours& neighbours) {
    std::set<Shape> embeddings;
    std::set<Shape> heads;
    for (const TensorReport& t : tensors) {
        if (t.kind == Kind::kEmbedding) embeddings.insert(t.shape);
        if (t.kind == Kind::kHead) heads.insert(t.shape);
    }
    const bool is_named = !embeddings.empty();
    const std::set<Shape>& shapes = is_named ? embeddings : heads;
    if (shapes.empty()) return;
    for (TensorReport& t : tensors) {
        if (t.kind != Kind::kWeight || t.shape.size() != 2 || !shapes.contains(t.shape)) continue;
        const Name name = parts_of(t.name);
        if (name.in_layers || name.leaf != "weight" || meaning_of(name.last) == Meaning::kLinear)
            continue;
        if (is_named) {
            t.kind = Kind::kHead;
        } else if (neighbours.find(name.module, "bias") == nullptr) {
            t.kind = Kind::kEmbedding;
        }
    }
}

/// The modules that hold experts, as "model.layers.0.mlp" does.
std::unordered_set<std::string_view> modules_with_experts(
    const std::vector<TensorReport>& tensors) {
    std::unordered_set<std::string_view> modules;
    for (const TensorReport& t : tensors) {
        const std::string_view name = t.name;
        for (std::size_t at = name.find("expert"); at != name.npos;
             at = name.find("expert", at + 1)) {
            const std::size_t dot = name.rfind('.', at);
            modules.insert(dot == name.npos ? std::string_view() : name.substr(0, dot));
        }
    }
    return modules;
}

bool may_be_router(std::string_view name) {
    return name.find("gat") != name.npos || name.find("outer") != name.npos;
}

bool is_router(const Name& name, const std::unordered_set<std::string_view>& with_experts) {
    const std::string last = plain_word(is_weight_leaf(name.leaf) ? name.last : name.leaf);
    const std::string parent = plain_word(name.parent);
    if (has_word(last, "router") || has_word(parent, "router")) return true;
    if (last.ends_with("expert_gate") || last.ends_with("experts_gate") || last == "moe_gate")
        return true;
    const bool is_gate = last == "gate" || last == "gating";
    if (!is_gate && parent != "gate") return false;
    const std::size_t at = name.full.rfind(is_gate ? name.last : name.parent);
    const std::string_view around =
        at == 0 || at == name.full.npos ? "" : name.full.substr(0, at - 1);
    return with_experts.contains(around) || around.find("moe") != around.npos;
}

}  // namespace

void assign_kinds(std::vector<TensorReport>& tensors) {
    Neighbours neighbours(tensors);
    Words words;
    for (TensorReport& t : tensors) {
        const Name name = parts_of(t.name);
        t.kind = kind_of_parts(name, t.shape, words);
        t.kind = corrected(t, name, neighbours);
    }
    assign_by_shape(tensors, neighbours);
}

void find_routers(std::vector<TensorReport>& tensors) {
    const std::unordered_set<std::string_view> with_experts = modules_with_experts(tensors);
    for (TensorReport& t : tensors) {
        const bool matrix =
            t.shape.size() == 2 &&
            (t.kind == Kind::kWeight || t.kind == Kind::kHead || t.kind == Kind::kOther);
        if (!matrix || !may_be_router(t.name)) continue;
        const Name name = parts_of(t.name);
        if (!is_bias_leaf(name.leaf) && is_router(name, with_experts)) t.role = Role::kRouter;
    }
}

}  // namespace octet::arch
