// One weight as it lies in a mapped file: floats of any width, or codes of any scheme with what restores them. The one seam between
// forward passes and storage: a matrix is looked at, never copied as a whole. Values; the mapping belongs to Weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "octet/dtype.hpp"
#include "octet/scheme.hpp"
#include "quant/stored_form.hpp"

namespace octet::model {

/// What restores codes: a scale and a zero point for each block of the matrix (the whole, a channel, a group).
struct CodeState {
    Scheme scheme;
    quant::BlockGrid grid;
    float scale = 0;  ///< of a whole tensor
    float zero_point = 0;
    const std::byte* scales = nullptr;       ///< mapped, a row of the grid behind the other; null: the two above
    const std::byte* zero_points = nullptr;  ///< mapped; null of symmetric schemes
    Dtype dtype = Dtype::kF32;               ///< of scales, and of real zero points; F32, F16 or BF16
};

struct WeightMatrix {
    std::string name;
    const std::byte* data = nullptr;  ///< mapped, at any alignment
    std::uint64_t rows = 0;           ///< as stored; 1 for a vector
    std::uint64_t columns = 0;
    std::uint64_t row_bytes = 0;
    bool is_codes = false;
    Dtype dtype = Dtype::kF32;  ///< F32, F16, BF16 or F64; of codes: of the source
    CodeState state;            ///< of codes

    const std::byte* row(std::uint64_t index) const { return data + index * row_bytes; }
};

/// Values and codes that one call of the functions below works on at most.
inline constexpr std::size_t kMostAtOnce = 512;

/// The codes of `count` columns of a row from `first_column` on, a byte each, with their sign where the scheme is symmetric: where they lie,
/// or unpacked into `room` of count + 8 bytes.
const std::uint8_t* codes_of(const WeightMatrix& matrix, std::uint64_t row, std::uint64_t first_column,
                             std::size_t count, std::uint8_t* room);

/// Scales and zero points of the blocks `first` .. `first + count` of a row of the grid, count <= kMostAtOnce, such that a value is
/// code * scale + offset within rounding: an integer zero point z becomes -z * scale.
void states_of(const WeightMatrix& matrix, std::uint64_t grid_row, std::uint64_t first, std::size_t count,
               float* scales, float* offsets);

/// Writes `count` values of a row from `first_column` on: exactly what dequantize restores in float32. Like the two above it reads mapped
/// memory, does not throw and owns nothing.
void restore(const WeightMatrix& matrix, std::uint64_t row, std::uint64_t first_column, std::size_t count, float* out);

}  // namespace octet::model
