// optimum-quanto's tensors: a Linear layer M whose weight is quantized is M.weight._data,
// M.weight._scale (and at 4 and 2 bits M.weight._shift), and two activation scales of one,
// M.input_scale and M.output_scale.
//
// At 4 and 2 bits the matrix is R rows of one group each, in the order of the outputs. Codes of row
// r + k ceil(R / f), k = 0 .. f - 1, share the bytes of row r; f is 2 or 4 codes a byte.
#pragma once

#include <optional>
#include <vector>

#include "formats/format.hpp"

namespace octet::writers {

/// A quantized Linear weight of [out, in] as quanto sees it.
struct QuantoMatrix {
    std::uint64_t group = 0;        ///< inputs of one scale: quanto derives it from the shape alone
    std::uint64_t rows = 0;         ///< out * in / group
    std::uint64_t packed_rows = 0;  ///< of the stored codes
};

/// Of 4 or 2 bits: 128, 96, 64 or 32 inputs, the largest that divides `inputs`, where there are
/// more than 128 of them; else all.
std::uint64_t quanto_group(std::uint64_t inputs) noexcept;

/// Of a scheme with groups or channels of [out, in].
QuantoMatrix quanto_matrix(const Scheme& scheme, const Shape& shape) noexcept;

class QuantoFormat final : public formats::Format {
  public:
    /// `missing_copies`: T5's encoder and decoder have no embedding of their own in the checkpoint;
    /// `shared.weight` is then stored three times.
    explicit QuantoFormat(bool missing_copies) : missing_copies_(missing_copies) {}

    std::unique_ptr<formats::TensorEncoder> encoder_of(const Scheme& scheme,
                                                       const Shape& shape) const override;
    std::vector<quant::StoredPart> parts_of(const TensorReport& tensor,
                                            const std::optional<Scheme>& scheme) const override;
    formats::NameOfPart part_names(const std::vector<TensorReport>& tensors) const override;
    std::vector<formats::DataFile> data_files(
        const checkpoint::Checkpoint& checkpoint) const override;

    /// True of the embedding that is stored under three names.
    bool is_stored_thrice(const TensorReport& tensor) const noexcept;

  private:
    bool missing_copies_;
};

/// The activation scales of a layer, two ones of that dtype, as they lie behind its weight.
std::vector<std::byte> quanto_ones(Dtype dtype);

}  // namespace octet::writers
