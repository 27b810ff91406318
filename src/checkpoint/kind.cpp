#include "checkpoint/kind.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>

#include "quant/storage_layout.hpp"

namespace octet {

std::string_view kind_name(Kind kind) noexcept {
    static constexpr std::array<std::string_view, kKindCount> kNames = {"weight", "embedding", "head",   "position",
                                                                        "norm",   "bias",      "buffer", "other"};
    return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace octet

namespace octet::checkpoint {
namespace {

constexpr std::string_view kGpt2Prefix = "transformer.";

std::string_view without_prefix(std::string_view name) {
    return name.starts_with(kGpt2Prefix) ? name.substr(kGpt2Prefix.size()) : name;
}

bool contains(std::string_view text, std::string_view word) {
    return text.find(word) != text.npos;
}

template <std::size_t N>
bool contains_any(std::string_view text, const std::array<std::string_view, N>& words) {
    return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return contains(text, word); });
}

/// The number in "h.<number>.rest", or nothing.
std::optional<std::string_view> gpt2_layer(std::string_view name) {
    const std::string_view rest = without_prefix(name);
    if (!rest.starts_with("h.")) return std::nullopt;
    const std::size_t stop = rest.find('.', 2);
    if (stop == rest.npos || stop == 2) return std::nullopt;
    const std::string_view digits = rest.substr(2, stop - 2);
    const bool numeric = std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
    return numeric ? std::optional(digits) : std::nullopt;
}

bool is_gpt2_mask(std::string_view name, const Shape& shape) {
    const bool mask = name.ends_with(".attn.bias") && shape.size() >= 2;
    return gpt2_layer(name) && (mask || name.ends_with(".attn.masked_bias"));
}

std::optional<Kind> gpt2_kind(std::string_view full_name, const Shape& shape) {
    const std::string_view name = without_prefix(full_name);
    if (is_gpt2_mask(full_name, shape)) return Kind::kBuffer;
    if (name == "wte.weight") return Kind::kEmbedding;
    if (name == "wpe.weight") return Kind::kPosition;
    if (name == "lm_head.weight") return Kind::kHead;
    if (name.starts_with("ln_f.") || contains(name, ".ln_1.") || contains(name, ".ln_2.")) return Kind::kNorm;
    if (!gpt2_layer(full_name)) return std::nullopt;
    return name.ends_with(".bias") ? Kind::kBias : Kind::kWeight;
}

std::optional<Kind> t5_kind(std::string_view name) {
    if (name == "shared.weight" || name.ends_with("embed_tokens.weight")) return Kind::kEmbedding;
    if (name == "lm_head.weight") return Kind::kHead;
    if (contains(name, "relative_attention_bias")) return Kind::kPosition;
    if (contains(name, "layer_norm")) return Kind::kNorm;
    return std::nullopt;
}

Kind generic_kind(std::string_view name, const Shape& shape) {
    static constexpr std::array<std::string_view, 8> kBuffers = {
        "inv_freq",    "position_ids", "masked_bias",         "running_mean",
        "running_var", "causal_mask",  "num_batches_tracked", "rotary_emb."};
    static constexpr std::array<std::string_view, 4> kNorms = {"norm", "ln_", ".ln1.", ".ln2."};
    static constexpr std::array<std::string_view, 4> kPositions = {"position_embedding", "embed_positions", "wpe",
                                                                   "pos_embed"};
    static constexpr std::array<std::string_view, 4> kEmbeddings = {"embed_tokens", "embedding", "wte", "tok_embed"};
    static constexpr std::array<std::string_view, 4> kHeads = {"lm_head", "output_projection", "classifier", "score."};
    std::string lower(name);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    const bool mask = lower.ends_with(".attn.bias") && shape.size() >= 3;
    if (mask || contains_any(lower, kBuffers)) return Kind::kBuffer;
    if (contains_any(lower, kNorms)) return Kind::kNorm;
    if (contains_any(lower, kPositions)) return Kind::kPosition;
    if (contains_any(lower, kEmbeddings)) return Kind::kEmbedding;
    if (contains_any(lower, kHeads) || lower == "output.weight")
        return lower.ends_with("bias") ? Kind::kBias : Kind::kHead;
    if (lower.ends_with("bias")) return Kind::kBias;
    return shape.size() >= 2 ? Kind::kWeight : Kind::kOther;
}

/// The tensor that a framework keeps only once together with `name`, or an empty name.
std::string_view tied_to(Family family, std::string_view name) {
    if (family == Family::kGpt2 && name == "lm_head.weight") return "wte.weight";
    const bool t5_copy = name == "encoder.embed_tokens.weight" || name == "decoder.embed_tokens.weight";
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
        const bool learned = without_prefix(t.name) == "wpe.weight" && t.shape.size() == 2;
        if (learned) positions = t.shape[0];
        if (positions == 0 && is_gpt2_mask(t.name, t.shape) && t.shape.size() >= 2) positions = t.shape.back();
    }
    constexpr std::uint64_t kMostPositions = 1U << 24U;  // beyond any model; keeps a hostile shape from overflowing
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
        gpt2_position = gpt2_position || without_prefix(t.name) == "wpe.weight";
        gpt2_block = gpt2_block || (gpt2_layer(t.name) && contains(t.name, ".attn.c_proj."));
        t5_shared = t5_shared || t.name == "shared.weight" || t.name.ends_with("coder.embed_tokens.weight");
        t5_block = t5_block || (contains(t.name, "coder.block.") && contains(t.name, "SelfAttention"));
    }
    if (gpt2_position && gpt2_block) return Family::kGpt2;
    return t5_shared && t5_block ? Family::kT5 : Family::kUnknown;
}

Kind kind_of(Family family, std::string_view name, const Shape& shape) {
    std::optional<Kind> kind;
    if (family == Family::kGpt2) kind = gpt2_kind(name, shape);
    if (family == Family::kT5) kind = t5_kind(name);
    return kind.value_or(generic_kind(name, shape));
}

OutputAxis output_axis(Family family, std::string_view name, Kind kind) {
    const bool conv1d = kind == Kind::kWeight && gpt2_layer(name).has_value();
    return family == Family::kGpt2 && (conv1d || kind == Kind::kPosition) ? OutputAxis::k1 : OutputAxis::k0;
}

bool is_linear_weight(Family family, std::string_view name, const Shape& shape) {
    const Kind kind = kind_of(family, name, shape);
    return shape.size() == 2 && (kind == Kind::kWeight || (kind == Kind::kHead && family != Family::kGpt2));
}

Family assign_kinds(std::vector<TensorReport>& tensors) {
    const Family family = detect_family(tensors);
    for (TensorReport& t : tensors) t.kind = kind_of(family, t.name, t.shape);
    return family;
}

std::vector<std::optional<std::size_t>> declared_ties(Family family, const std::vector<TensorReport>& tensors) {
    std::vector<std::optional<std::size_t>> ties(tensors.size());
    const auto plain = [&](const TensorReport& tensor) {
        return family == Family::kGpt2 ? without_prefix(tensor.name) : std::string_view(tensor.name);
    };
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const std::string_view original = tied_to(family, plain(tensors[i]));
        if (original.empty()) continue;
        const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const TensorReport& other) {
            return plain(other) == original && other.shape == tensors[i].shape && other.dtype == tensors[i].dtype;
        });
        if (found != tensors.end()) ties[i] = static_cast<std::size_t>(found - tensors.begin());
    }
    return ties;
}

std::uint64_t framework_bytes(Family family, const std::vector<TensorReport>& tensors, Counted counted) {
    std::uint64_t sum = family == Family::kGpt2 ? gpt2_buffer_bytes(tensors) : 0;
    const std::vector<std::optional<std::size_t>> ties = declared_ties(family, tensors);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const bool is_mask = family == Family::kGpt2 && is_gpt2_mask(tensors[i].name, tensors[i].shape);
        if (!is_mask && !ties[i]) sum += counted_bytes(tensors[i], counted);
        if (counted != Counted::kStoredLinear || !tensors[i].scheme) continue;
        if (is_linear_weight(family, tensors[i].name, tensors[i].shape)) sum += 2 * sizeof(float);
    }
    return sum;
}

}  // namespace octet::checkpoint
