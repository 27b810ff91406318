// The rules of llama-quantize as a table of types and a few functions of layer and kind. Tensors
// are counted in its order, as some rules depend on how many came before.
#include "formats/gguf/mixtures.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <numeric>

namespace octet::gguf {
namespace {

using ggml::Type;

constexpr Mixture kMixtures[] = {
    {"f32", Type::kF32, 0, "every value as it is"},
    {"f16", Type::kF16, 1, "matrices as float16"},
    {"bf16", Type::kBF16, 32, "matrices as bfloat16"},
    {"q8_0", Type::kQ8_0, 7, "8.5 bits per weight"},
    {"q6_k", Type::kQ6_K, 18, "6.56 bits per weight"},
    {"q5_k_m", Type::kQ5_K, 17, "5.5 bits and more where it matters; q5_k is the same"},
    {"q5_k_s", Type::kQ5_K, 16, "5.5 bits per weight"},
    {"q4_k_m", Type::kQ4_K, 15, "4.5 bits and more where it matters; q4_k is the same"},
    {"q4_k_s", Type::kQ4_K, 14, "4.5 bits, few tensors with more"},
    {"q3_k_l", Type::kQ3_K, 13, "3.44 bits, many tensors with more"},
    {"q3_k_m", Type::kQ3_K, 12, "3.44 bits and more where it matters; q3_k is the same"},
    {"q3_k_s", Type::kQ3_K, 11, "3.44 bits per weight"},
    {"q2_k", Type::kQ2_K, 10, "2.63 bits and more where it matters"},
    {"iq4_nl", Type::kIQ4_NL, 25, "4.5 bits, levels that are not evenly spaced"},
    {"q5_1", Type::kQ5_1, 9, "6 bits per weight"},
    {"q5_0", Type::kQ5_0, 8, "5.5 bits per weight"},
    {"q4_1", Type::kQ4_1, 3, "5 bits per weight"},
    {"q4_0", Type::kQ4_0, 2, "4.5 bits per weight"},
};

bool has(std::string_view text, std::string_view part) {
    return text.find(part) != text.npos;
}

/// What llama-quantize tells tensors apart by.
enum class Category : std::uint8_t {
    kEmbedding,
    kValues,
    kQkv,
    kAttentionOutput,
    kDown,
    kOutput,
    kOther
};

Category category_of(std::string_view name) {
    if (name == "output.weight") return Category::kOutput;
    if (name == "token_embd.weight") return Category::kEmbedding;
    if (has(name, "attn_qkv.weight")) return Category::kQkv;
    if (has(name, "attn_v.weight")) return Category::kValues;
    if (has(name, "attn_k.weight") || has(name, "attn_q.weight")) return Category::kOther;
    if (has(name, "attn_output.weight")) return Category::kAttentionOutput;
    if (has(name, "ffn_up") || has(name, "ffn_gate")) return Category::kOther;
    return has(name, "ffn_down") ? Category::kDown : Category::kOther;
}

bool is_like_values(Category category) {
    return category == Category::kValues || category == Category::kQkv;
}

/// The number of the layer in "blk.7.attn_v.weight"; -1 of any other name.
int layer_of(std::string_view name) {
    constexpr std::string_view kBlock = "blk.";
    if (!name.starts_with(kBlock)) return -1;
    int layer = 0;
    std::size_t at = kBlock.size();
    for (; at < name.size() && name[at] >= '0' && name[at] <= '9' && at < kBlock.size() + 7; ++at)
        layer = 10 * layer + (name[at] - '0');
    return at > kBlock.size() && at < name.size() && name[at] == '.' ? layer : -1;
}

/// The order in which llama-quantize counts: by layer, and by name within one.
std::vector<std::size_t> counting_order(const std::vector<TypedTensor>& tensors) {
    std::vector<std::size_t> order(tensors.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        const int layer_a = layer_of(tensors[a].name);
        const int layer_b = layer_of(tensors[b].name);
        return layer_a != layer_b ? layer_a < layer_b : tensors[a].name < tensors[b].name;
    });
    return order;
}

/// The first and the last eighth of the layers, and every third between.
bool uses_more_bits(int layer, int layers) {
    return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

/// The rules of one mixture. Counters grow as tensors come in the counting order.
class Chooser {
  public:
    Chooser(std::string_view mixture, Type type, const ModelShape& model,
            const std::vector<TypedTensor>& tensors)
        : mixture_(mixture), type_(type), model_(model), layers_(static_cast<int>(model.layers)) {
        for (const TypedTensor& tensor : tensors) {
            const Category category = category_of(tensor.name);
            if (is_like_values(category)) ++all_values_;
            if (category == Category::kOutput) is_tied_ = false;
        }
        has_few_keys_ = model.key_heads > 0 && model.heads / model.key_heads >= 4;
        is_70b_ =
            model.architecture == "llama" && model.layers == 80 && model.heads != model.key_heads;
    }

    Type choose(const TypedTensor& tensor) {
        const Category category = category_of(tensor.name);
        if (category == Category::kOutput || (is_tied_ && category == Category::kEmbedding))
            return type_of_output(tensor.shape.back());
        if (is_like_values(category)) return type_of_values();
        if (category == Category::kDown) return type_of_down();
        if (category == Category::kAttentionOutput) return type_of_attention_output();
        return type_;
    }

  private:
    bool is(std::string_view mixture) const { return mixture_ == mixture; }

    Type type_of_output(std::uint64_t row) const {
        if (row % ggml::traits_of(type_).block_elements != 0 || type_ == Type::kQ8_0)
            return Type::kQ8_0;
        return Type::kQ6_K;
    }

    Type type_of_values() {
        const int number = values_++;
        const Type type = plain_type_of_values(number);
        return is_70b_ && (type == Type::kQ3_K || type == Type::kQ4_K) ? Type::kQ5_K : type;
    }

    Type plain_type_of_values(int number) const {
        if (is("q2_k")) return has_few_keys_ ? Type::kQ4_K : Type::kQ3_K;
        if (is("q3_k_m")) return number < 2 ? Type::kQ5_K : Type::kQ4_K;
        if (is("q3_k_l")) return Type::kQ5_K;
        if (is("iq4_nl") && has_few_keys_) return Type::kQ5_K;
        if ((is("q4_k_m") || is("q5_k_m")) && uses_more_bits(number, all_values_))
            return Type::kQ6_K;
        return is("q4_k_s") && number < 4 ? Type::kQ5_K : type_;
    }

    Type type_of_down() {
        const int layer = downs_++;
        const bool is_early = layer < layers_ / 8;
        if (is("q2_k")) return Type::kQ3_K;
        if (is("q3_k_m")) return layer < layers_ / 16 ? Type::kQ5_K : Type::kQ4_K;
        if (is("q3_k_l")) return Type::kQ5_K;
        if ((is("q4_k_m") || is("q5_k_m")) && uses_more_bits(layer, layers_)) return Type::kQ6_K;
        if (is("q4_k_s") && is_early) return Type::kQ5_K;
        if (is("iq4_nl") && is_early && !model_.has_importance) return Type::kQ5_K;
        if (is("q4_0") && is_early && model_.has_importance) return Type::kQ4_1;
        return is("q5_0") && is_early && model_.has_importance ? Type::kQ5_1 : type_;
    }

    Type type_of_attention_output() const {
        if (is("q2_k")) return Type::kQ3_K;
        if (is("q3_k_m")) return Type::kQ4_K;
        return is("q3_k_l") ? Type::kQ5_K : type_;
    }

    std::string_view mixture_;
    Type type_;
    const ModelShape& model_;
    int layers_;
    int all_values_ = 0;
    int values_ = 0;
    int downs_ = 0;
    bool is_tied_ = true;
    bool has_few_keys_ = false;
    bool is_70b_ = false;
};

/// 32 bits or 16, which know no blocks and no mixtures.
bool is_float(Type type) {
    return type == Type::kF32 || type == Type::kF16 || type == Type::kBF16;
}

}  // namespace

std::span<const Mixture> mixtures() {
    return kMixtures;
}

const Mixture* find_mixture(std::string_view name) {
    std::string small(name);
    std::transform(small.begin(), small.end(), small.begin(), [](char c) {
        return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    });
    for (const std::string_view short_name : {"q3_k", "q4_k", "q5_k"}) {
        if (small == short_name) small += "_m";
    }
    const auto* const found =
        std::find_if(std::begin(kMixtures), std::end(kMixtures),
                     [&](const Mixture& mixture) { return mixture.name == small; });
    return found == std::end(kMixtures) ? nullptr : found;
}

bool may_be_quantized(std::string_view name, const Shape& shape) {
    // ggml counts no dimensions of 1 at the slow end.
    const auto wide =
        std::find_if(shape.begin(), shape.end(), [](std::uint64_t size) { return size != 1; });
    if (shape.end() - wide < 2) return false;
    if (!name.ends_with("weight") || has(name, "_norm.weight")) return false;
    return name != "position_embd.weight" && !has(name, "attn_rel_b.weight");
}

std::vector<Type> types_of(const Mixture& mixture, const ModelShape& model,
                           const std::vector<TypedTensor>& tensors) {
    std::vector<Type> types(tensors.size(), Type::kF32);
    Chooser chooser(mixture.name, mixture.type, model, tensors);
    for (const std::size_t i : counting_order(tensors)) {
        if (!tensors[i].may_be_quantized) continue;
        types[i] = is_float(mixture.type) ? mixture.type : chooser.choose(tensors[i]);
    }
    return types;
}

Type fallback_of(Type type, std::uint64_t row) {
    struct Row {
        Type type;
        Type instead;
    };
    static constexpr std::array<Row, 5> kRows = {{{Type::kQ2_K, Type::kQ4_0},
                                                  {Type::kQ3_K, Type::kQ4_0},
                                                  {Type::kQ4_K, Type::kQ5_0},
                                                  {Type::kQ5_K, Type::kQ5_1},
                                                  {Type::kQ6_K, Type::kQ8_0}}};
    if (ggml::fits_row(type, row)) return type;
    const auto* const found =
        std::find_if(kRows.begin(), kRows.end(), [&](const Row& one) { return one.type == type; });
    return found != kRows.end() && ggml::fits_row(found->instead, row) ? found->instead
                                                                       : Type::kF16;
}

}  // namespace octet::gguf
