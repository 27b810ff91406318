// The stored form of octet's own sets: codes, packed row by row where they have fewer than 8 bits,
// then each state tensor, one behind the other (docs/format.md). Of two levels the state tensors
// are small numbers, packed, and the floats of superblocks.
#pragma once

#include <array>
#include <vector>

#include "formats/format.hpp"

namespace octet::octet_set {

class TileEncoder final : public formats::TensorEncoder {
  public:
    /// The scheme's axis is resolved.
    TileEncoder(const Scheme& scheme, const Shape& shape);

    std::uint64_t byte_count() const noexcept override { return byte_count_; }
    std::uint64_t codes_byte_count() const noexcept override { return parts_.front().byte_count; }
    bool stores_bytes() const noexcept override { return scheme_.bits == 8; }
    std::uint64_t code_offset(const quant::TilePlace& place) const noexcept override;
    std::uint64_t code_bytes(const quant::TilePlace& place) const noexcept override;
    void encode_codes(const quant::TilePlace& place, const std::uint8_t* codes,
                      std::uint8_t* packed) const override;
    void encode_states(const quant::TilePlace& place, const quant::Blocks& blocks,
                       std::byte* scratch, formats::ByteSink& sink) const override;

  private:
    /// Blocks side by side in a row of the grid: where they are put, and from.
    struct Run {
        std::uint64_t row;
        std::uint64_t column;
        std::uint64_t count;
        std::byte* scratch;
        formats::ByteSink& sink;
    };

    static constexpr std::size_t kMostParts =
        5;  ///< codes, and two tensors of state on each of two levels

    void put_numbers(std::size_t part, const float* values, std::uint64_t first,
                     const Run& run) const;
    void put_packed(std::size_t part, unsigned bits, const float* values, const Run& run) const;
    void put_two_levels(const quant::TilePlace& place, const quant::Blocks& blocks, Run run) const;

    Scheme scheme_;
    quant::Matrix matrix_;
    quant::BlockGrid grid_;
    std::vector<quant::StoredPart> parts_;
    std::array<std::uint64_t, kMostParts> offsets_{};  ///< of the parts
    std::uint64_t byte_count_ = 0;
};

}  // namespace octet::octet_set
