// From octet's codes and states to the bytes of compressed-tensors (format.hpp). Zero points that
// are packed down the rows come together from several rows, and so from several tiles: rows of
// words are kept until they are whole, then put. That memory is behind a lock, so that any number
// of threads may use one encoder, as of other formats; it serves one run over the tensor.
#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "formats/compressed_tensors/format.hpp"

namespace octet::compressed_tensors {

class CompressedEncoder final : public formats::TensorEncoder {
  public:
    /// Of a scheme without obstacle (scheme_obstacle).
    CompressedEncoder(const Scheme& scheme, const Shape& shape, Packing packing);

    std::uint64_t byte_count() const noexcept override { return byte_count_; }
    std::uint64_t codes_byte_count() const noexcept override { return scales_at_; }
    bool stores_bytes() const noexcept override;
    std::uint64_t code_offset(const quant::TilePlace& place) const noexcept override;
    std::uint64_t code_bytes(const quant::TilePlace& place) const noexcept override;
    void encode_codes(const quant::TilePlace& place, const std::uint8_t* codes,
                      std::uint8_t* packed) const override;
    void encode_states(const quant::TilePlace& place, const quant::Blocks& blocks,
                       std::byte* scratch, formats::ByteSink& sink) const override;

  private:
    /// A row of words of packed zero points, some of whose numbers are there.
    struct WordRow {
        std::vector<std::uint32_t> words;
        std::uint64_t missing = 0;
    };

    unsigned stored_bits() const noexcept {
        return packing_ == Packing::kPacked ? scheme_.bits : 8;
    }
    void put_scales(std::uint64_t first, const float* values, std::uint64_t count,
                    std::byte* scratch, formats::ByteSink& sink) const;
    void put_zero_points(std::uint64_t first, const float* values, std::uint64_t count,
                         std::byte* scratch, formats::ByteSink& sink) const;
    void pack_zero_points(std::uint64_t row, std::uint64_t column, const float* values,
                          std::uint64_t count, formats::ByteSink& sink) const;
    void put_shape(formats::ByteSink& sink) const;

    Scheme scheme_;
    Packing packing_;
    std::uint64_t rows_;
    std::uint64_t columns_;
    quant::BlockGrid grid_;
    Dtype scale_dtype_;
    std::uint64_t scales_at_ = 0;
    std::uint64_t zero_points_at_ = 0;
    std::uint64_t shape_at_ = 0;
    std::uint64_t byte_count_ = 0;
    mutable std::mutex mutex_;
    mutable std::map<std::uint64_t, WordRow> word_rows_;
};

}  // namespace octet::compressed_tensors
