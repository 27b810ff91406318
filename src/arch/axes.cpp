// Evidence is added up for every stack of layers: each matrix with a bias of one of its two lengths
// votes for an axis, and the sign of the sum decides for the whole stack, then for stacks of the
// same layers. GPT-2's layers, transposed convolutions and bare right factors have their axis
// without a vote.
#include "arch/axes.hpp"

#include <array>
#include <string>
#include <unordered_map>

#include "arch/names.hpp"

namespace octet::arch {
namespace {

/// Above 0: the outputs are counted by axis 1; below 0: by axis 0.
using Votes = std::unordered_map<std::string, int>;

/// The stack of layers around a stack of matrices: "h.#." of "h.#.mlp.c_fc.weight"; all of a name
/// without numbers.
std::string layer_of(const std::string& stack) {
    return stack.substr(0, stack.rfind('#') + 1);
}

/// The name of the bias that goes with a weight: "M.bias" of "M.weight" or "M.weight_v",
/// "M.in_proj_bias" of "M.in_proj_weight".
std::string bias_name(const Name& name) {
    std::string full(name.full);
    constexpr std::string_view kWeight = "weight";
    if (name.leaf != kWeight && name.leaf.ends_with("_weight")) {
        return full.replace(full.size() - kWeight.size(), kWeight.size(), "bias");
    }
    std::string_view module = name.module;
    if (const std::size_t inner = module.find(".parametrizations"); inner != module.npos)
        module = module.substr(0, inner);
    if (is_weight_leaf(name.leaf)) return std::string(module) + ".bias";
    return full + "_bias";
}

class Evidence {
  public:
    explicit Evidence(const std::vector<TensorReport>& tensors) {
        for (const TensorReport& t : tensors) {
            if (t.shape.size() == 1 && is_bias_leaf(parts_of(t.name).leaf))
                biases_.emplace(t.name, t.shape[0]);
            if (t.kind == Kind::kEmbedding && t.shape.size() == 2 && t.shape[0] > rows_) {
                rows_ = t.shape[0];
                width_ = t.shape[1];
            }
        }
    }

    /// What one matrix says of itself.
    int vote_of(const TensorReport& t) const {
        const std::uint64_t rows = t.shape[0];
        const std::uint64_t columns = t.shape[1];
        if (rows == columns || (biases_.empty() && t.name.find("c_attn") == std::string::npos))
            return 0;
        const Name name = parts_of(t.name);
        const auto bias = biases_.find(bias_name(name));
        if (bias != biases_.end())
            return bias->second == columns ? 1 : bias->second == rows ? -1 : 0;
        if (name.last != "c_attn" || width_ == 0) return 0;
        return rows == width_ ? 1 : columns == width_ ? -1 : 0;
    }

  private:
    std::unordered_map<std::string, std::uint64_t> biases_;
    std::uint64_t rows_ = 0;   // of the largest embedding
    std::uint64_t width_ = 0;  // its columns
};

/// Parameters that are used as x * W, without a module around them.
bool is_right_factor(const TensorReport& t) {
    if (t.shape.size() != 2) return false;
    return t.name.ends_with("_projection") || t.name == "proj" || t.name.ends_with(".proj");
}

/// By its name: a bias is as long as either axis where both are alike.
bool is_transposed_convolution(const TensorReport& t) {
    static constexpr std::array<std::string_view, 4> kWords = {"convtranspose", "conv_transpose",
                                                               "deconv", "transposed_conv"};
    if (t.shape.size() < 3) return false;
    const std::string last = plain_word(parts_of(t.name).last);
    for (const std::string_view word : kWords) {
        if (last.find(word) != last.npos) return true;
    }
    return false;
}

bool is_matrix(const TensorReport& t) {
    return t.kind == Kind::kWeight && t.shape.size() >= 2;
}

bool is_in_gpt2_layer(const TensorReport& t) {
    return without_wrappers(t.name).starts_with("h.");
}

}  // namespace

void assign_axes(std::vector<TensorReport>& tensors, bool gpt2) {
    const Evidence evidence(tensors);
    Votes stacks;
    Votes layers;
    for (const TensorReport& t : tensors) {
        if (!is_matrix(t)) continue;
        const int vote = evidence.vote_of(t);
        if (vote == 0) continue;
        const std::string stack = stack_of(t.name);
        stacks[stack] += vote;
        if (t.shape.size() == 2) layers[layer_of(stack)] += vote;
    }
    const auto found = [](const Votes& votes, const std::string& key) {
        const auto at = votes.find(key);
        return at == votes.end() ? 0 : at->second;
    };
    for (TensorReport& t : tensors) {
        t.output_axis = gpt2 && t.kind == Kind::kPosition ? OutputAxis::k1 : OutputAxis::k0;
        if (!is_matrix(t)) continue;
        const std::string stack = stacks.empty() ? std::string() : stack_of(t.name);
        int vote = found(stacks, stack);
        if (vote == 0 && t.shape.size() == 2 && stack.find('#') != stack.npos)
            vote = found(layers, layer_of(stack));
        if (vote == 0 && gpt2 && t.shape.size() == 2 && is_in_gpt2_layer(t)) vote = 1;
        if (vote == 0 && (is_right_factor(t) || is_transposed_convolution(t))) vote = 1;
        if (vote > 0) t.output_axis = OutputAxis::k1;
    }
}

}  // namespace octet::arch
