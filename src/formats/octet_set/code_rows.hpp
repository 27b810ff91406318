// A matrix of a set as other formats store it: rows of codes that share one scale, in the order of
// the outputs, whichever axis of the source counts those. Codes and states are read as they are,
// never restored to values.
#pragma once

#include <cstdint>
#include <span>

#include "formats/octet_set/block_restorer.hpp"

namespace octet::octet_set {

class CodeRows {
  public:
    /// `scheme` has channels or groups, which fill the inputs, and its axis resolved; `shape` is a
    /// matrix. `offset`: of the codes. The file outlives this.
    CodeRows(const io::File& file, std::uint64_t offset, const Scheme& scheme, const Shape& shape);

    std::uint64_t outputs() const noexcept { return outputs_; }
    std::uint64_t inputs() const noexcept { return inputs_; }
    std::uint64_t group() const noexcept { return group_; }         ///< inputs of one scale
    std::uint64_t groups_each() const noexcept { return groups_; }  ///< rows of an output
    std::uint64_t rows() const noexcept { return outputs_ * groups_; }
    bool is_transposed() const noexcept { return is_transposed_; }

    /// Bytes of scratch for that many rows.
    std::uint64_t scratch_bytes(std::uint64_t rows) const noexcept { return rows * group_ + 1024; }

    /// Reads rows from `first` on, as many as there are scales: their codes a byte each, with their
    /// signs, then scale and zero point of each. Of a transposed matrix they are whole outputs.
    /// kIo.
    void read(std::uint64_t first, std::span<std::uint8_t> codes, std::span<float> scale,
              std::span<float> zero_point, std::span<std::byte> scratch) const;

  private:
    void read_columns(std::uint64_t output, std::uint64_t width, std::uint8_t* codes, float* scale,
                      float* zero_point, std::span<std::byte> scratch) const;

    BlockRestorer blocks_;
    bool is_transposed_;
    std::uint64_t outputs_;
    std::uint64_t inputs_;
    std::uint64_t group_;
    std::uint64_t groups_;
};

}  // namespace octet::octet_set
