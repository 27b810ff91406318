// Shapes and names; bytes are made by the encoder.
#include "formats/compressed_tensors/format.hpp"

#include <fmt/format.h>

#include "base/checked.hpp"
#include "formats/compressed_tensors/encoder.hpp"

namespace octet::compressed_tensors {
namespace {

constexpr std::uint64_t kWordBits = 32;

std::string_view other_zero_point(const Scheme& scheme) {
    return scheme.bits == 4 ? "symmetric codes (s4) or integer zero points (u4-...-intzp)"
                            : "symmetric codes (s8) or integer zero points (u8-...-intzp)";
}

std::string group_obstacle(const Scheme& scheme, const Shape& shape) {
    if (scheme.granularity != Granularity::kGroup || shape[1] % scheme.group_size == 0) return "";
    return fmt::format(
        "has rows of {} inputs, which are no multiple of groups of {}, and the format has no short "
        "groups; give it "
        "channels, a group size that divides {}, or keep it (--rule)",
        shape[1], scheme.group_size, shape[1]);
}

}  // namespace

std::string_view packing_name(Packing packing) noexcept {
    return packing == Packing::kPacked ? "pack-quantized" : "naive-quantized";
}

std::string scheme_obstacle(const Scheme& scheme, const Shape& shape, Packing packing) {
    if (scheme.bits != 4 && scheme.bits != 8)
        return fmt::format(
            "has {}-bit codes, and the engines that load the format have 4 and 8 bits; use one of "
            "these",
            scheme.bits);
    if (scheme.granularity == Granularity::kTensor)
        return "has one scale for the whole tensor, which no engine has for weights alone; use "
               "channels or groups";
    if (scheme.scale_dtype == ScaleDtype::kTwoLevel)
        return "has two levels of scales, which the format has no place for; use f16, bf16 or f32 "
               "scales";
    if (!scheme.symmetric && scheme.zero_point == ZeroPoint::kReal)
        return fmt::format("has real zero points, which the format has no place for; use {}",
                           other_zero_point(scheme));
    if (scheme.axis == OutputAxis::k1 || scheme.batch || shape.size() != 2)
        return "is no [out, in] matrix of a Linear layer, the only one that is loaded quantized; "
               "keep it (--rule)";
    if (std::string group = group_obstacle(scheme, shape); !group.empty()) return group;
    const auto row_bits = checked_multiply(shape[1], scheme.bits);
    if (packing == Packing::kPacked && (!row_bits || *row_bits % kWordBits != 0))
        return fmt::format(
            "has rows of {} inputs, which do not fill 32-bit words of {}-bit codes; keep it "
            "(--rule), or "
            "write for transformers (--for transformers)",
            shape[1], scheme.bits);
    return "";
}

std::vector<quant::StoredPart> stored_parts(const Scheme& scheme, const Shape& shape,
                                            Packing packing) {
    const bool is_packed = packing == Packing::kPacked;
    const std::uint64_t rows = shape[0];
    const std::uint64_t columns = shape[1];
    const quant::BlockGrid grid = quant::grid_of(scheme, quant::matrix_of(scheme, shape));
    const std::uint64_t across = grid.down == 0 ? 1 : grid.across;
    const auto part = [](std::string_view suffix, Dtype dtype, Shape of) {
        const std::uint64_t bytes = tensor_bytes(dtype, of).value_or(0);
        return quant::StoredPart{suffix, dtype, std::move(of), bytes};
    };
    std::vector<quant::StoredPart> parts;
    parts.push_back(is_packed
                        ? part("_packed", Dtype::kI32, {rows, columns * scheme.bits / kWordBits})
                        : part("", Dtype::kI8, shape));
    parts.push_back(part("_scale", quant::scale_dtype_of(scheme), {rows, across}));
    if (!scheme.symmetric)
        parts.push_back(is_packed ? part("_zero_point", Dtype::kI32,
                                         {divide_up(rows * scheme.bits, kWordBits), across})
                                  : part("_zero_point", Dtype::kI8, {rows, across}));
    if (is_packed) parts.push_back(part("_shape", Dtype::kI64, {2}));
    return parts;
}

std::unique_ptr<formats::TensorEncoder> CompressedFormat::encoder_of(const Scheme& scheme,
                                                                     const Shape& shape) const {
    return std::make_unique<CompressedEncoder>(scheme, shape, packing_);
}

std::vector<quant::StoredPart> CompressedFormat::parts_of(
    const TensorReport& tensor, const std::optional<Scheme>& scheme) const {
    if (scheme) return stored_parts(*scheme, tensor.shape, packing_);
    return {{"", tensor.dtype, tensor.shape, tensor.source_bytes}};
}

formats::NameOfPart CompressedFormat::part_names(
    const std::vector<TensorReport>& /*tensors*/) const {
    return [](std::string_view tensor, std::string_view part) {
        return fmt::format("{}{}", tensor, part);
    };
}

std::vector<formats::DataFile> CompressedFormat::data_files(
    const checkpoint::Checkpoint& checkpoint) const {
    const std::size_t count = checkpoint.shards.size();
    const bool is_one = !checkpoint.index && count == 1;
    std::vector<formats::DataFile> files;
    for (std::size_t i = 1; i <= count; ++i) {
        std::string name = is_one ? "model.safetensors"
                                  : fmt::format("model-{:05}-of-{:05}.safetensors", i, count);
        files.push_back({std::move(name), {{"format", "pt"}}});
    }
    return files;
}

}  // namespace octet::compressed_tensors
