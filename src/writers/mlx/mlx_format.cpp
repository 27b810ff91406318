// Shapes are [out, in] throughout; of a scheme only bits, group and the scales' dtype matter here.
#include "writers/mlx/mlx_format.hpp"

#include <fmt/format.h>

#include "arch/names.hpp"
#include "formats/octet_set/tile_encoder.hpp"

namespace octet::writers {
namespace {

constexpr std::string_view kLeaf = ".weight";
constexpr std::uint64_t kWordBits = 32;

std::string name_of(const MlxModel& model, std::string_view tensor) {
    if (!model.is_gpt2) return std::string(tensor);
    return fmt::format("model.{}", arch::without_wrappers(tensor));
}

quant::StoredPart part(std::string_view suffix, Dtype dtype, Shape shape) {
    const std::uint64_t bytes = tensor_bytes(dtype, shape).value_or(0);
    return {suffix, dtype, std::move(shape), bytes};
}

bool is_gpt2_mask(std::string_view name) {
    return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias");
}

}  // namespace

std::optional<std::string> mlx_module(const MlxModel& model, std::string_view tensor) {
    if (tensor.size() <= kLeaf.size() || !tensor.ends_with(kLeaf)) return std::nullopt;
    return name_of(model, tensor.substr(0, tensor.size() - kLeaf.size()));
}

std::string_view mlx_left_out(const MlxModel& model, const TensorReport& tensor) {
    const bool is_head =
        tensor.name == "lm_head.weight" || tensor.name.ends_with(".lm_head.weight");
    if (model.has_tied_head && is_head) return "left out: the head is the embedding";
    if (model.is_gpt2 && is_gpt2_mask(tensor.name))
        return "left out: mlx-lm makes the masks itself";
    return "";
}

bool mlx_turns(const MlxModel& model, const TensorReport& tensor) {
    const bool is_conv1d = tensor.name.ends_with(".c_attn.weight") ||
                           tensor.name.ends_with(".c_proj.weight") ||
                           tensor.name.ends_with(".c_fc.weight");
    return model.is_gpt2 && is_conv1d && tensor.shape.size() == 2;
}

std::unique_ptr<formats::TensorEncoder> MlxFormat::encoder_of(const Scheme& scheme,
                                                              const Shape& shape) const {
    return std::make_unique<octet_set::TileEncoder>(scheme, shape);
}

std::vector<quant::StoredPart> MlxFormat::parts_of(const TensorReport& tensor,
                                                   const std::optional<Scheme>& scheme) const {
    if (!mlx_left_out(model_, tensor).empty()) return {};
    Shape shape = tensor.shape;
    if (mlx_turns(model_, tensor)) std::swap(shape.front(), shape.back());
    if (!scheme) return {{"", tensor.dtype, std::move(shape), tensor.source_bytes}};
    const Dtype dtype = quant::scale_dtype_of(*scheme);
    const Shape states = {shape.front(), shape.back() / scheme->group_size};
    return {part(".weight", Dtype::kU32, {shape.front(), shape.back() * scheme->bits / kWordBits}),
            part(".scales", dtype, states), part(".biases", dtype, states)};
}

formats::NameOfPart MlxFormat::part_names(const std::vector<TensorReport>& /*tensors*/) const {
    return [model = model_](std::string_view tensor, std::string_view suffix) {
        if (suffix.empty()) return name_of(model, tensor);
        return mlx_module(model, tensor).value_or(std::string(tensor)).append(suffix);
    };
}

std::vector<formats::DataFile> MlxFormat::data_files(
    const checkpoint::Checkpoint& checkpoint) const {
    const std::size_t count = checkpoint.shards.size();
    std::vector<formats::DataFile> files;
    for (std::size_t i = 0; i < count; ++i) {
        std::string name = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, count);
        files.push_back({checkpoint.index || count > 1 ? std::move(name) : "model.safetensors",
                         {{"format", "mlx"}}});
    }
    return files;
}

}  // namespace octet::writers
