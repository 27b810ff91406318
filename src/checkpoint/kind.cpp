// The families that octet knows by name: what ties and counts in GPT-2 and in T5. Everything else
// has the kinds that src/arch finds, no ties of its own, and counts what it stores.
#include "checkpoint/kind.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>

#include "arch/axes.hpp"
#include "arch/came_quantized.hpp"
#include "arch/experts.hpp"
#include "arch/kinds.hpp"
#include "arch/names.hpp"
#include "quant/storage_layout.hpp"

namespace octet {

std::string_view kind_name(Kind kind) noexcept {
    static constexpr std::array<std::string_view, kKindCount> kNames = {
        "weight", "embedding", "head", "position", "norm", "bias", "buffer", "other"};
    return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace octet

namespace octet::checkpoint {
namespace {

using arch::without_wrappers;

bool contains(std::string_view text, std::string_view word) {
    return text.find(word) != text.npos;
}

/// The number in "h.<number>.rest", or nothing.
std::optional<std::string_view> gpt2_layer(std::string_view name) {
    const std::string_view rest = without_wrappers(name);
    if (!rest.starts_with("h.")) return std::nullopt;
    const std::size_t stop = rest.find('.', 2);
    if (stop == rest.npos || stop == 2) return std::nullopt;
    const std::string_view digits = rest.substr(2, stop - 2);
    const bool numeric =
        std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
    return numeric ? std::optional(digits) : std::nullopt;
}

bool is_gpt2_mask(std::string_view name, const Shape& shape) {
    const bool mask = name.ends_with(".attn.bias") && shape.size() >= 2;
    return gpt2_layer(name) && (mask || name.ends_with(".attn.masked_bias"));
}

/// The tensor that a framework keeps only once together with `name`, or an empty name.
std::string_view tied_to(Family family, std::string_view name) {
    if (family == Family::kGpt2 && name == "lm_head.weight") return "wte.weight";
    const bool t5_copy =
        name == "encoder.embed_tokens.weight" || name == "decoder.embed_tokens.weight";
    return family == Family::kT5 && t5_copy ? "shared.weight" : "";
}

std::uint64_t counted_bytes(const TensorReport& tensor, Counted counted) {
    if (counted == Counted::kSource) return tensor.source_bytes;
    if (!tensor.same_as.empty()) return 0;
    const std::uint64_t in_sidecar = tensor.scheme ? quant::sidecar_state_bytes(*tensor.scheme) : 0;
    return tensor.output_bytes - in_sidecar;
}

/// What the framework adds for GPT-2: one boolean causal mask and one float32 scalar a layer.
std::uint64_t gpt2_buffer_bytes(const std::vector<TensorReport>& tensors) {
    std::set<std::string_view> layers;
    std::uint64_t positions = 0;
    for (const TensorReport& t : tensors) {
        if (const auto layer = gpt2_layer(t.name)) layers.insert(*layer);
        const bool learned = without_wrappers(t.name) == "wpe.weight" && t.shape.size() == 2;
        if (learned) positions = t.shape[0];
        if (positions == 0 && is_gpt2_mask(t.name, t.shape) && t.shape.size() >= 2)
            positions = t.shape.back();
    }
    constexpr std::uint64_t kMostPositions =
        1U << 24U;  // beyond any model; keeps a hostile shape from overflowing
    positions = std::min(positions, kMostPositions);
    return layers.size() * (positions * positions + sizeof(float));
}

}  // namespace

Family detect_family(const std::vector<TensorReport>& tensors) {
    bool gpt2_position = false;
    bool gpt2_block = false;
    bool t5_shared = false;
    bool t5_block = false;
    for (const TensorReport& t : tensors) {
        gpt2_position = gpt2_position || without_wrappers(t.name) == "wpe.weight";
        gpt2_block = gpt2_block || (gpt2_layer(t.name) && contains(t.name, ".attn.c_proj."));
        t5_shared =
            t5_shared || t.name == "shared.weight" || t.name.ends_with("coder.embed_tokens.weight");
        t5_block =
            t5_block || (contains(t.name, "coder.block.") && contains(t.name, "SelfAttention"));
    }
    if (gpt2_position && gpt2_block) return Family::kGpt2;
    return t5_shared && t5_block ? Family::kT5 : Family::kUnknown;
}

bool is_linear_weight(Family family, const TensorReport& tensor) {
    return (tensor.shape.size() == 2 || tensor.batch) &&
           (tensor.kind == Kind::kWeight ||
            (tensor.kind == Kind::kHead && family != Family::kGpt2));
}

Family assign_kinds(std::vector<TensorReport>& tensors) {
    const Family family = detect_family(tensors);
    arch::assign_kinds(tensors);
    arch::find_routers(tensors);
    arch::assign_axes(tensors, family == Family::kGpt2);
    arch::find_batches(tensors);
    const std::vector<std::uint32_t> owners = arch::quantized_weights(tensors);
    for (std::size_t i = 0; i < owners.size(); ++i) {
        if (owners[i] == arch::kNobody) continue;
        tensors[i].role = Role::kState;
        tensors[i].kind = Kind::kOther;
    }
    return family;
}

std::vector<std::optional<std::size_t>> declared_ties(Family family,
                                                      const std::vector<TensorReport>& tensors) {
    std::vector<std::optional<std::size_t>> ties(tensors.size());
    const auto plain = [&](const TensorReport& tensor) {
        return family == Family::kGpt2 ? without_wrappers(tensor.name)
                                       : std::string_view(tensor.name);
    };
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const std::string_view original = tied_to(family, plain(tensors[i]));
        if (original.empty()) continue;
        const auto found =
            std::find_if(tensors.begin(), tensors.end(), [&](const TensorReport& other) {
                return plain(other) == original && other.shape == tensors[i].shape &&
                       other.dtype == tensors[i].dtype;
            });
        if (found != tensors.end()) ties[i] = static_cast<std::size_t>(found - tensors.begin());
    }
    return ties;
}

std::uint64_t framework_bytes(Family family, const std::vector<TensorReport>& tensors,
                              Counted counted) {
    std::uint64_t sum = family == Family::kGpt2 ? gpt2_buffer_bytes(tensors) : 0;
    const std::vector<std::optional<std::size_t>> ties = declared_ties(family, tensors);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const bool is_mask =
            family == Family::kGpt2 && is_gpt2_mask(tensors[i].name, tensors[i].shape);
        if (!is_mask && !ties[i]) sum += counted_bytes(tensors[i], counted);
        if (counted != Counted::kStoredLinear || !tensors[i].scheme) continue;
        if (is_linear_weight(family, tensors[i]) && !tensors[i].batch) sum += 2 * sizeof(float);
    }
    return sum;
}

}  // namespace octet::checkpoint
