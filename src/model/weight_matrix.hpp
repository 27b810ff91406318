// One weight as it lies in a mapped file: floats of any width, or codes of any scheme with what
// restores them. The one seam between forward passes and storage: a matrix is looked at, never
// copied as a whole. Values; the mapping belongs to Weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "kernels/products.hpp"
#include "octet/dtype.hpp"
#include "octet/scheme.hpp"
#include "quant/storage_layout.hpp"
#include "quant/two_level.hpp"

namespace octet::model {

/// The second level of a two-level scheme: F16 floats, one for each superblock, against which the
/// numbers of the groups are small.
struct TwoLevels {
    quant::TwoLevelShape shape;
    quant::BlockGrid supers;
    std::uint64_t groups_down = 1;  ///< groups of a superblock, in the direction of its inputs
    std::uint64_t groups_across = 1;
    const std::byte* scales = nullptr;       ///< mapped, a row of `supers` behind the other
    const std::byte* zero_points = nullptr;  ///< mapped; null of symmetric schemes
};

/// What restores codes: a scale and a zero point for each block of the matrix (the whole, a
/// channel, a group).
struct CodeState {
    Scheme scheme;
    quant::BlockGrid grid;
    float scale = 0;  ///< of a whole tensor
    float zero_point = 0;
    const std::byte* scales =
        nullptr;  ///< mapped, a row of the grid behind the other; null: the two above
    const std::byte* zero_points = nullptr;  ///< mapped; null of symmetric schemes
    Dtype dtype = Dtype::kF32;     ///< of scales, and of real zero points; F32, F16 or BF16
    std::optional<TwoLevels> two;  ///< then the two are small integers
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

/// Blocks that one call of states_of() is about at most.
inline constexpr std::size_t kMostAtOnce = 512;

/// The codes of a row from `first_column` on, a multiple of 8.
kernels::Codes codes_of(const WeightMatrix& matrix, std::uint64_t row, std::uint64_t first_column);

/// Scales and zero points of the blocks `first` .. `first + count` of a row of the grid, `first` a
/// multiple of 8, count <= kMostAtOnce, such that a value is code * scale + offset within rounding:
/// an integer zero point z becomes -z * scale.
void states_of(const WeightMatrix& matrix, std::uint64_t grid_row, std::uint64_t first,
               std::size_t count, float* scales, float* offsets);

/// The small scales, or zero points, of a row of the groups of a two-level scheme from the one
/// numbered `first` on, a multiple of 8.
kernels::Codes small_scales_of(const WeightMatrix& matrix, std::uint64_t grid_row,
                               std::uint64_t first);
kernels::Codes small_zero_points_of(const WeightMatrix& matrix, std::uint64_t grid_row,
                                    std::uint64_t first);

/// The floats of `count` superblocks from the one numbered `first` of a row of superblocks on.
void super_floats_of(const WeightMatrix& matrix, const std::byte* stored, std::uint64_t super_row,
                     std::uint64_t first, std::size_t count, float* out);

/// Writes `count` values of each of some rows, from `first_column` on, `pitch` values apart:
/// exactly what dequantize restores in float32. Like all the above it reads mapped memory, does not
/// throw and owns nothing.
void restore_rows(const WeightMatrix& matrix, std::uint64_t first_row, std::size_t row_count,
                  std::uint64_t first_column, std::size_t count, float* out, std::size_t pitch);

/// The same of one row.
inline void restore(const WeightMatrix& matrix, std::uint64_t row, std::uint64_t first_column,
                    std::size_t count, float* out) {
    restore_rows(matrix, row, 1, first_column, count, out, count);
}

}  // namespace octet::model
