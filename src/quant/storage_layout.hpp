// How a quantized tensor lies in a data file: its codes, then its state tensors, one behind the
// other (docs/format.md). Pure arithmetic on shapes; every product is overflow-checked.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "octet/dtype.hpp"
#include "octet/scheme.hpp"

namespace octet::quant {

/// A tensor as channels and groups see it: a matrix in C order, or a batch of them, one behind the
/// other. More than two dimensions are the first (of a batch the second) against the rest; 0-d and
/// 1-d are one row. Without elements: no rows, no columns, and no blocks.
struct Matrix {
    std::uint64_t rows = 1;  ///< of each
    std::uint64_t columns = 1;
    std::uint64_t packed_row =
        1;  ///< codes that are packed together; divides `columns`, unless that is 0
    std::uint64_t batch = 1;  ///< matrices
};

Matrix matrix_of(const Scheme& scheme, const Shape& shape) noexcept;

/// Inputs of one output: the length of a channel.
std::uint64_t inputs_of(const Scheme& scheme, const Shape& shape) noexcept;

/// `scheme` with row packing where that takes fewer bytes of such a tensor than packing its last
/// dimension, and only there.
Scheme with_packing(Scheme scheme, const Shape& shape) noexcept;

/// A rectangle of the matrix. Of a batch it lies in one of the matrices, and its row counts from
/// the first one's.
struct TilePlace {
    std::uint64_t row = 0;
    std::uint64_t column = 0;
    std::uint64_t rows = 0;
    std::uint64_t columns = 0;
};

/// Elements of one block down and across. Blocks are numbered row by row; the last ones, of each
/// matrix, may be short.
struct BlockGrid {
    std::uint64_t rows_each = 1;
    std::uint64_t columns_each = 1;
    std::uint64_t down = 0;  ///< of all matrices together
    std::uint64_t across = 0;
    std::uint64_t batch = 1;
    std::uint64_t matrix_rows = 0;  ///< of each matrix of a batch

    /// The row of blocks that a row of elements is in.
    std::uint64_t row_of(std::uint64_t row) const noexcept {
        if (batch == 1) return row / rows_each;
        return row / matrix_rows * (down / batch) + row % matrix_rows / rows_each;
    }

    std::uint64_t count() const noexcept { return down * across; }
};

/// The blocks of a matrix under a scheme whose axis is resolved.
BlockGrid grid_of(const Scheme& scheme, const Matrix& matrix) noexcept;

/// The superblocks of a two-level scheme: `grid` is that of its groups.
BlockGrid super_grid_of(const Scheme& scheme, const BlockGrid& grid) noexcept;

/// True for the lesson's scheme and its nearest rounding: 8 bits, one scale and real zero point in
/// float32, from the smallest and the largest value. Its errors are summed over the tensor as one
/// long row, those of all others row by row.
bool is_plain(const Scheme& scheme) noexcept;

/// True if the state lies in tensors of its own rather than in the sidecar.
bool has_state_tensors(const Scheme& scheme) noexcept;

/// One tensor in the data file.
struct StoredPart {
    std::string_view suffix;  ///< behind the tensor's name: "" of the codes, ".scale",
                              ///< ".zero_point", ".super_scale", ".super_zero_point"
    Dtype dtype = Dtype::kU8;
    Shape shape;
    std::uint64_t byte_count = 0;
};

/// Codes first. `shape` is the source's, whose size is known not to overflow.
std::vector<StoredPart> stored_parts(const Scheme& scheme, const Shape& shape);

/// Bytes of all parts.
std::uint64_t stored_bytes(const Scheme& scheme, const Shape& shape);

/// Bytes of scales and zero points: of the state tensors, or 4 for each number in the sidecar.
std::uint64_t state_bytes(const Scheme& scheme, const Shape& shape);

/// The part of state_bytes() that the sidecar holds.
std::uint64_t sidecar_state_bytes(const Scheme& scheme) noexcept;

/// The dtype of stored scales.
Dtype scale_dtype_of(const Scheme& scheme) noexcept;

}  // namespace octet::quant
