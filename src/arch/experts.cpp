// A bias beside the matrix has the length of its outputs and decides; else the axis that is as long
// as the hidden size, the width of the largest embedding, does, with the word that tells whether
// the matrix reads or writes it. What one of a layer's matrices tells holds for its siblings.
#include "arch/experts.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>

#include "arch/names.hpp"

namespace octet::arch {
namespace {

enum class Order : std::uint8_t { kUnknown, kOutputsFirst, kInputsFirst };

/// What reads the hidden size, and what writes it.
constexpr std::array<std::string_view, 7> kReads = {"gate", "up", "input", "w1", "w3", "fc1", "wi"};
constexpr std::array<std::string_view, 5> kWrites = {"down", "output", "w2", "fc2", "wo"};

/// The kernels of convolutions are shorter, or their names say what they are.
constexpr std::uint64_t kLeastInner = 32;

template <std::size_t N>
bool has_any(std::string_view text, const std::array<std::string_view, N>& words) {
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view w) { return text.find(w) != text.npos; });
}

/// The word that says what the matrix does, and what stands before it: the module of its siblings.
std::string_view word_of(const Name& name) {
    return is_weight_leaf(name.leaf) ? name.last : name.leaf;
}

std::string siblings_of(const Name& name) {
    return std::string(name.full.substr(0, name.full.rfind(word_of(name))));
}

/// The columns of the largest embedding; 0 without any.
std::uint64_t hidden_size(const std::vector<TensorReport>& tensors) {
    std::uint64_t rows = 0;
    std::uint64_t width = 0;
    for (const TensorReport& t : tensors) {
        if (t.kind != Kind::kEmbedding || t.shape.size() != 2 || t.shape[0] <= rows) continue;
        rows = t.shape[0];
        width = t.shape[1];
    }
    return width;
}

/// By the name of a module around it, or because one side is the hidden size and a word says that
/// it reads or writes that.
bool is_fused_experts(const TensorReport& t, std::uint64_t hidden) {
    if (t.kind != Kind::kWeight || t.shape.size() != 3 || t.source_bytes == 0) return false;
    const std::string_view name = t.name;
    if (name.find("expert") != name.npos || name.find("moe") != name.npos) return true;
    if (hidden == 0 || name.find("conv") != name.npos) return false;
    if (std::min(t.shape[1], t.shape[2]) < kLeastInner) return false;
    const std::string_view word = word_of(parts_of(name));
    return (t.shape[1] == hidden || t.shape[2] == hidden) &&
           (has_any(word, kReads) || has_any(word, kWrites));
}

Order order_by_hidden(const TensorReport& t, std::uint64_t hidden) {
    const bool second = t.shape[1] == hidden;
    const bool third = t.shape[2] == hidden;
    if (second == third) return Order::kUnknown;
    const std::string_view word = word_of(parts_of(t.name));
    if (has_any(word, kWrites)) return second ? Order::kOutputsFirst : Order::kInputsFirst;
    if (has_any(word, kReads)) return third ? Order::kOutputsFirst : Order::kInputsFirst;
    return Order::kUnknown;
}

Order order_by_bias(const TensorReport& t,
                    const std::unordered_map<std::string, std::uint64_t>& biases) {
    const auto bias = biases.find(t.name + "_bias");
    if (bias == biases.end() || t.shape[1] == t.shape[2]) return Order::kUnknown;
    return bias->second == t.shape[1]   ? Order::kOutputsFirst
           : bias->second == t.shape[2] ? Order::kInputsFirst
                                        : Order::kUnknown;
}

}  // namespace

void find_batches(std::vector<TensorReport>& tensors) {
    const std::uint64_t hidden = hidden_size(tensors);
    const auto is_one = [&](const TensorReport& t) { return is_fused_experts(t, hidden); };
    if (std::none_of(tensors.begin(), tensors.end(), is_one)) return;
    std::unordered_map<std::string, std::uint64_t> biases;
    for (const TensorReport& t : tensors) {
        if (t.kind == Kind::kBias && t.shape.size() == 2) biases.emplace(t.name, t.shape[1]);
    }
    std::unordered_map<std::string, Order> of_siblings;
    for (const TensorReport& t : tensors) {
        if (!is_one(t)) continue;
        Order order = order_by_bias(t, biases);
        if (order == Order::kUnknown) order = order_by_hidden(t, hidden);
        if (order != Order::kUnknown) of_siblings.emplace(siblings_of(parts_of(t.name)), order);
    }
    for (TensorReport& t : tensors) {
        if (!is_one(t)) continue;
        const auto order = of_siblings.find(siblings_of(parts_of(t.name)));
        const bool inputs_first =
            order != of_siblings.end() && order->second == Order::kInputsFirst;
        t.batch = true;
        t.output_axis = inputs_first ? OutputAxis::k1 : OutputAxis::k0;
    }
}

}  // namespace octet::arch
