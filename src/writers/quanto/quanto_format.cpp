// Octet's stored parts under quanto's names, with two activation scales behind them.
#include "writers/quanto/quanto_format.hpp"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "formats/octet_set/tile_encoder.hpp"
#include "quant/values.hpp"
#include "writers/quanto/quanto_writer.hpp"

namespace octet::writers {
namespace {

constexpr std::string_view kShared = "shared.weight";
constexpr std::array<std::string_view, 2> kCopies = {"encoder.embed_tokens.weight",
                                                     "decoder.embed_tokens.weight"};
constexpr std::array<std::string_view, 2> kActivationScales = {"input_scale", "output_scale"};

/// Octet's own bytes, and the activation scales behind them.
class QuantoEncoder final : public formats::TensorEncoder {
  public:
    QuantoEncoder(const Scheme& scheme, const Shape& shape)
        : octet_(scheme, shape), ones_(quanto_ones(quant::scale_dtype_of(scheme))) {}

    std::uint64_t byte_count() const noexcept override {
        return octet_.byte_count() + ones_.size();
    }
    std::uint64_t codes_byte_count() const noexcept override { return octet_.codes_byte_count(); }
    bool stores_bytes() const noexcept override { return octet_.stores_bytes(); }
    std::uint64_t code_offset(const quant::TilePlace& place) const noexcept override {
        return octet_.code_offset(place);
    }
    std::uint64_t code_bytes(const quant::TilePlace& place) const noexcept override {
        return octet_.code_bytes(place);
    }
    void encode_codes(const quant::TilePlace& place, const std::uint8_t* codes,
                      std::uint8_t* packed) const override {
        octet_.encode_codes(place, codes, packed);
    }
    void encode_states(const quant::TilePlace& place, const quant::Blocks& blocks,
                       std::byte* scratch, formats::ByteSink& sink) const override {
        octet_.encode_states(place, blocks, scratch, sink);
        if (place.row == 0 && place.column == 0) sink.put(octet_.byte_count(), ones_);
    }

  private:
    octet_set::TileEncoder octet_;
    std::vector<std::byte> ones_;
};

quant::StoredPart part(std::string_view suffix, Dtype dtype, Shape shape) {
    const std::uint64_t bytes = tensor_bytes(dtype, shape).value_or(0);
    return {suffix, dtype, std::move(shape), bytes};
}

}  // namespace

std::uint64_t quanto_group(std::uint64_t inputs) noexcept {
    constexpr std::array<std::uint64_t, 4> kGroups = {128, 96, 64, 32};
    if (inputs <= kGroups.front()) return inputs;
    const auto* const found = std::find_if(
        kGroups.begin(), kGroups.end(), [&](std::uint64_t group) { return inputs % group == 0; });
    return found == kGroups.end() ? inputs : *found;
}

QuantoMatrix quanto_matrix(const Scheme& scheme, const Shape& shape) noexcept {
    QuantoMatrix matrix;
    matrix.group = scheme.granularity == Granularity::kGroup ? scheme.group_size : shape.back();
    matrix.rows = matrix.group == 0 ? 0 : shape.front() * (shape.back() / matrix.group);
    matrix.packed_rows = divide_up(matrix.rows, kCodeBits / scheme.bits);
    return matrix;
}

std::vector<std::byte> quanto_ones(Dtype dtype) {
    constexpr std::array<float, 2> kOnes = {1, 1};
    std::vector<std::byte> bytes(kOnes.size() * (dtype_bits(dtype) / 8));
    kernels::Narrowing exact{};
    quant::convert_values(Dtype::kF32, std::as_bytes(std::span(kOnes)), dtype, bytes, exact);
    return bytes;
}

std::unique_ptr<formats::TensorEncoder> QuantoFormat::encoder_of(const Scheme& scheme,
                                                                 const Shape& shape) const {
    return std::make_unique<QuantoEncoder>(scheme, shape);
}

bool QuantoFormat::is_stored_thrice(const TensorReport& tensor) const noexcept {
    return missing_copies_ && tensor.name == kShared;
}

std::vector<quant::StoredPart> QuantoFormat::parts_of(const TensorReport& tensor,
                                                      const std::optional<Scheme>& scheme) const {
    std::vector<quant::StoredPart> parts;
    if (!scheme) {
        parts.push_back({"", tensor.dtype, tensor.shape, tensor.source_bytes});
        if (!is_stored_thrice(tensor)) return parts;
        for (const std::string_view copy : kCopies)
            parts.push_back({copy, tensor.dtype, tensor.shape, tensor.source_bytes});
        return parts;
    }
    const Dtype dtype = quant::scale_dtype_of(*scheme);
    const std::uint64_t outputs = tensor.shape.empty() ? 1 : tensor.shape.front();
    if (scheme->bits == kCodeBits) {
        parts = {part("._data", Dtype::kI8, tensor.shape), part("._scale", dtype, {outputs, 1})};
    } else {
        const QuantoMatrix matrix = quanto_matrix(*scheme, tensor.shape);
        parts = {part("._data._data", Dtype::kU8, {matrix.packed_rows, matrix.group}),
                 part("._scale", dtype, {matrix.rows, 1}),
                 part("._shift", dtype, {matrix.rows, 1})};
    }
    for (const std::string_view scale : kActivationScales) parts.push_back(part(scale, dtype, {}));
    return parts;
}

formats::NameOfPart QuantoFormat::part_names(const std::vector<TensorReport>& /*tensors*/) const {
    return [](std::string_view tensor, std::string_view suffix) {
        if (suffix.empty() || suffix.front() == '.') return fmt::format("{}{}", tensor, suffix);
        if (tensor == kShared) return std::string(suffix);
        return fmt::format("{}.{}", quanto_module(tensor).value_or(tensor), suffix);
    };
}

std::vector<formats::DataFile> QuantoFormat::data_files(
    const checkpoint::Checkpoint& checkpoint) const {
    const std::size_t count = checkpoint.shards.size();
    std::vector<formats::DataFile> files;
    for (std::size_t i = 0; i < count; ++i) {
        std::string name = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, count);
        files.push_back({checkpoint.index || count > 1 ? std::move(name) : "model.safetensors",
                         {{"format", "pt"}}});
    }
    return files;
}

}  // namespace octet::writers
