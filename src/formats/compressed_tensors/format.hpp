// Folders of compressed-tensors, which transformers, vLLM and SGLang load, as a format: for the
// weight of a Linear module, M.weight,
//
//   naive-quantized  M.weight             I8 [out, in]; 4-bit codes take a whole byte
//                                         code - 2^(bits-1)
//   pack-quantized   M.weight_packed      I32 [out, in * bits / 32]
//                                         unsigned codes, the lowest bits first
//                    M.weight_shape       I64 [2]: out, in
//   both             M.weight_scale       F32, F16 or BF16 [out, groups]
//                    M.weight_zero_point  I8 [out, groups], or packed down the rows:
//                                         I32 [out * bits / 32, groups]
//
// and everything else as it is. Shards keep their number, and are called model.safetensors or
// model-0000I-of-0000N.safetensors.
#pragma once

#include "formats/format.hpp"

namespace octet::compressed_tensors {

enum class Packing : std::uint8_t {
    kNaive,   ///< a byte a code
    kPacked,  ///< 32 bits hold 4 or 8 codes
};

/// The library's name: "naive-quantized", "pack-quantized".
std::string_view packing_name(Packing packing) noexcept;

/// Why such a weight has no place in the format, as text for a message, with what to use instead;
/// empty where it has one. `shape` is [out, in]; the scheme's axis is resolved.
std::string scheme_obstacle(const Scheme& scheme, const Shape& shape, Packing packing);

class CompressedFormat final : public formats::Format {
  public:
    explicit CompressedFormat(Packing packing) : packing_(packing) {}

    /// Of a scheme without obstacle.
    std::unique_ptr<formats::TensorEncoder> encoder_of(const Scheme& scheme,
                                                       const Shape& shape) const override;
    std::vector<quant::StoredPart> parts_of(const TensorReport& tensor,
                                            const std::optional<Scheme>& scheme) const override;
    formats::NameOfPart part_names(const std::vector<TensorReport>& tensors) const override;
    std::vector<formats::DataFile> data_files(
        const checkpoint::Checkpoint& checkpoint) const override;

    Packing packing() const noexcept { return packing_; }

  private:
    Packing packing_;
};

/// Codes, scale, then what the scheme and the packing have besides. Of a scheme without obstacle.
std::vector<quant::StoredPart> stored_parts(const Scheme& scheme, const Shape& shape,
                                            Packing packing);

}  // namespace octet::compressed_tensors
