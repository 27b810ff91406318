// First all codes, by the module that holds them or the beginning of their names; then every tensor
// is held against those two tables. The method is guessed from suffixes only where config.json
// declares none, and only for the note.
#include "arch/came_quantized.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "arch/names.hpp"
#include "base/text.hpp"

namespace octet::arch {
namespace {

constexpr std::string_view kWeight = ".weight.";

/// Integers that can be codes, and the 8-bit floats that are.
bool is_code_dtype(Dtype dtype) {
    switch (dtype) {
        case Dtype::kF8E5M2:
        case Dtype::kF8E4M3:
        case Dtype::kF8E4M3Fnuz:
        case Dtype::kF8E5M2Fnuz:
        case Dtype::kF4:
        case Dtype::kF6E2M3:
        case Dtype::kF6E3M2:
        case Dtype::kU8:
        case Dtype::kI8:
        case Dtype::kI16:
        case Dtype::kU16:
        case Dtype::kI32:
        case Dtype::kU32:
            return true;
        default:
            return false;
    }
}

/// The module that the tensor belongs to: "M" of "M.weight", and of "M.weight.absmax".
std::string_view owner_of(const std::string& name) {
    const std::size_t inside = std::string_view(name).rfind(kWeight);
    if (inside != std::string::npos) return std::string_view(name).substr(0, inside);
    return parts_of(name).module;
}

/// True if the codes of that name are those of their module; then everything there but a bias is
/// their state.
bool owns_module(const std::string& name) {
    static constexpr std::array<std::string_view, 8> kNames = {
        "weight", "qweight", "q_weight", "weight_packed", "W_q", "_data", "codes", "trellis"};
    return std::find(kNames.begin(), kNames.end(), parts_of(name).leaf) != kNames.end();
}

/// What the names of the state of such codes begin with: "M.gate_up_proj" of
/// "M.gate_up_proj_blocks". Empty: they are no codes.
std::string_view stem_of(const std::string& name) {
    static constexpr std::array<std::string_view, 7> kEnds = {
        "_weight_packed", "_blocks", "_packed", "_data", "_qdata", "_qweight", "_weight"};
    const std::string_view text = name;
    for (const std::string_view end : kEnds) {
        if (text.ends_with(end) && parts_of(text).leaf.size() > end.size())
            return text.substr(0, text.size() - end.size());
    }
    return is_bare_weight_leaf(parts_of(text).leaf) ? text : std::string_view();
}

/// The codes of a checkpoint.
class Codes {
  public:
    explicit Codes(const std::vector<TensorReport>& tensors) {
        for (std::uint32_t i = 0; i < tensors.size(); ++i) {
            const std::string& name = tensors[i].name;
            if (!is_code_dtype(tensors[i].dtype)) continue;
            if (owns_module(name)) {
                by_module_.emplace(owner_of(name), i);
            } else if (const std::string_view stem = stem_of(name); !stem.empty()) {
                by_stem_.emplace(stem, i);
            }
        }
    }

    bool empty() const { return by_module_.empty() && by_stem_.empty(); }
    std::size_t size() const { return by_module_.size() + by_stem_.size(); }

    /// The number of those that tensor `number`, of that name, is the state of; its own where it is
    /// codes itself.
    std::uint32_t owner(const std::string& name) const {
        if (is_bias_leaf(parts_of(name).leaf)) return kNobody;
        const auto module = by_module_.find(owner_of(name));
        if (module != by_module_.end()) return module->second;
        const std::size_t leaf = name.size() - parts_of(name).leaf.size();
        const std::string_view text = name;
        for (std::size_t at = text.find('_', leaf); at != text.npos; at = text.find('_', at + 1)) {
            const auto stem = by_stem_.find(text.substr(0, at));
            if (stem != by_stem_.end()) return stem->second;
        }
        const auto whole = by_stem_.find(text);
        return whole == by_stem_.end() ? kNobody : whole->second;
    }

  private:
    std::unordered_map<std::string_view, std::uint32_t> by_module_;
    std::unordered_map<std::string_view, std::uint32_t> by_stem_;
};

/// What the names and dtypes look like.
std::string_view guessed_method(const std::vector<TensorReport>& tensors) {
    std::unordered_set<std::string_view> leaves;
    bool f8 = false;
    for (const TensorReport& t : tensors) {
        leaves.insert(parts_of(t.name).leaf);
        f8 = f8 || dtype_name(t.dtype).starts_with("F8_E");
    }
    const auto has = [&](std::string_view leaf) { return leaves.contains(leaf); };
    const auto ends = [&](std::string_view end) {
        return std::any_of(leaves.begin(), leaves.end(),
                           [&](std::string_view leaf) { return leaf.ends_with(end); });
    };
    if (has("g_idx")) return "gptq";
    if (has("qweight")) return has("qzeros") ? "awq or gptq" : "qweight";
    if (has("weight_packed")) return "compressed-tensors";
    if (has("absmax") || has("SCB") || has("quant_map")) return "bitsandbytes";
    if (ends("_blocks")) return "mxfp4";
    if (has("biases")) return "mlx";
    if (has("_data")) return "quanto or torchao";
    return f8 ? "fp8" : "integers";
}

}  // namespace

std::vector<std::uint32_t> quantized_weights(const std::vector<TensorReport>& tensors) {
    const Codes codes(tensors);
    if (codes.empty()) return {};
    std::vector<std::uint32_t> owners(tensors.size(), kNobody);
    for (std::uint32_t i = 0; i < tensors.size(); ++i) {
        const std::uint32_t owner = codes.owner(tensors[i].name);
        if (owner != i) owners[i] = owner;
    }
    return owners;
}

std::string came_quantized_note(const std::vector<TensorReport>& tensors,
                                std::string_view declared) {
    const std::vector<std::uint32_t> owners = quantized_weights(tensors);
    const auto state =
        static_cast<std::uint64_t>(owners.size() - static_cast<std::size_t>(std::count(
                                                       owners.begin(), owners.end(), kNobody)));
    if (state == 0) return "";
    std::unordered_set<std::uint32_t> weights(owners.begin(), owners.end());
    weights.erase(kNobody);
    const std::string_view method = declared.empty() ? guessed_method(tensors) : declared;
    return fmt::format("came quantized ({}): {}, and {} of state, are copied as they are",
                       printable(method), counted(weights.size(), "weight"),
                       counted(state, "tensor"));
}

}  // namespace octet::arch
