// Grids of blocks and lengths of parts from shape and scheme; each product checked.
#include "quant/storage_layout.hpp"

#include <algorithm>

#include "base/checked.hpp"
#include "quant/packing.hpp"
#include "quant/two_level.hpp"

namespace octet::quant {
namespace {

bool has_zero_points(const Scheme& scheme) {
    return !scheme.symmetric;
}

/// True where rows of the last dimension, `bits` each, do not fill whole bytes.
bool wastes_bits(const Shape& shape, unsigned bits) {
    return shape.size() > 2 && shape.back() % 8 * bits % 8 != 0;
}

/// One number for each block: those of a batch matrix by matrix.
Shape shape_of(const Scheme& scheme, const BlockGrid& grid) {
    if (!scheme.batch) return {grid.down, grid.across};
    return {grid.batch, grid.down / grid.batch, grid.across};
}

/// Of the codes before they are packed: packed rows are the last dimension.
Shape code_shape(const Scheme& scheme, const Shape& shape) {
    const Matrix matrix = matrix_of(scheme, shape);
    if (scheme.row_packing) return {matrix.rows, matrix.columns};
    return scheme.batch && scheme.bits < kCodeBits
               ? Shape{matrix.batch, matrix.rows, matrix.columns}
               : shape;
}

/// A tensor of `bits`-bit numbers, packed along its last dimension unless they fill bytes.
StoredPart packed_part(std::string_view suffix, unsigned bits, bool is_signed, Shape shape) {
    const Dtype dtype = bits == 8 && is_signed ? Dtype::kI8 : Dtype::kU8;
    if (shape.empty() && bits < 8) shape.push_back(1);
    if (bits < 8) shape.back() = packed_bytes(shape.back(), bits);
    const std::uint64_t bytes = tensor_bytes(dtype, shape).value_or(0);
    return {suffix, dtype, std::move(shape), bytes};
}

/// Small numbers for each group, F16 floats for each superblock.
void add_two_levels(const Scheme& scheme, const BlockGrid& grid, std::vector<StoredPart>& parts) {
    const TwoLevelShape two = two_level_shape(scheme);
    const BlockGrid supers = super_grid_of(scheme, grid);
    const std::uint64_t super_bytes = supers.count() * sizeof(std::uint16_t);
    const Shape shape = shape_of(scheme, grid);
    const Shape super_shape = shape_of(scheme, supers);
    parts.push_back(packed_part(".scale", two.scale_bits, false, shape));
    if (has_zero_points(scheme))
        parts.push_back(packed_part(".zero_point", two.zero_point_bits, true, shape));
    parts.push_back({".super_scale", Dtype::kF16, super_shape, super_bytes});
    if (has_zero_points(scheme))
        parts.push_back({".super_zero_point", Dtype::kF16, super_shape, super_bytes});
}

}  // namespace

BlockGrid super_grid_of(const Scheme& scheme, const BlockGrid& grid) noexcept {
    const std::uint64_t groups = two_level_shape(scheme).superblock / scheme.group_size;
    BlockGrid supers = grid;
    if (scheme.axis == OutputAxis::k1) {
        supers.rows_each *= groups;
        supers.down = grid.batch * divide_up(grid.down / grid.batch, groups);
    } else {
        supers.columns_each *= groups;
        supers.across = divide_up(grid.across, groups);
    }
    return supers;
}

Matrix matrix_of(const Scheme& scheme, const Shape& shape) noexcept {
    Matrix matrix;
    if (shape.empty()) return matrix;
    matrix.packed_row = shape.back();
    if (std::find(shape.begin(), shape.end(), 0U) != shape.end()) return {0, 0, matrix.packed_row};
    const std::size_t first = scheme.batch ? 1 : 0;  // of the matrix's dimensions
    if (scheme.batch) matrix.batch = shape.front();
    if (shape.size() >= first + 2) matrix.rows = shape[first];
    for (std::size_t i = shape.size() >= first + 2 ? first + 1 : first; i < shape.size(); ++i)
        matrix.columns *= shape[i];
    // Whole bytes lie one behind the other, whatever is called a row.
    const bool is_cut = !scheme.batch && !scheme.row_packing && wastes_bits(shape, scheme.bits);
    if (!is_cut) matrix.packed_row = matrix.columns;
    return matrix;
}

std::uint64_t inputs_of(const Scheme& scheme, const Shape& shape) noexcept {
    const Matrix matrix = matrix_of(scheme, shape);
    return scheme.axis == OutputAxis::k1 ? matrix.rows : matrix.columns;
}

Scheme with_packing(Scheme scheme, const Shape& shape) noexcept {
    scheme.row_packing = !scheme.batch && wastes_bits(shape, scheme.bits);
    return scheme;
}

BlockGrid grid_of(const Scheme& scheme, const Matrix& matrix) noexcept {
    const std::uint64_t all_rows = std::max<std::uint64_t>(matrix.rows, 1);
    const std::uint64_t all_columns = std::max<std::uint64_t>(matrix.columns, 1);
    BlockGrid grid{all_rows, all_columns, 1, 1, matrix.batch, matrix.rows};
    if (matrix.rows == 0) return {1, 1, 0, 0};
    if (scheme.granularity == Granularity::kTensor) return grid;
    const bool by_columns = scheme.axis == OutputAxis::k1;
    const std::uint64_t inputs = scheme.granularity == Granularity::kGroup ? scheme.group_size
                                 : by_columns                              ? all_rows
                                                                           : all_columns;
    grid.rows_each = by_columns ? inputs : 1;
    grid.columns_each = by_columns ? 1 : inputs;
    const bool channels = scheme.granularity == Granularity::kChannel;
    grid.down =
        matrix.batch * (channels && by_columns ? 1 : divide_up(matrix.rows, grid.rows_each));
    grid.across = channels && !by_columns ? 1 : divide_up(matrix.columns, grid.columns_each);
    return grid;
}

bool is_plain(const Scheme& scheme) noexcept {
    Scheme plain;
    plain.rounding = scheme.rounding;
    return scheme == plain;
}

bool has_state_tensors(const Scheme& scheme) noexcept {
    return scheme.granularity != Granularity::kTensor;
}

std::vector<StoredPart> stored_parts(const Scheme& scheme, const Shape& shape) {
    std::vector<StoredPart> parts{
        packed_part("", scheme.bits, scheme.symmetric, code_shape(scheme, shape))};
    if (!has_state_tensors(scheme)) return parts;
    const BlockGrid grid = grid_of(scheme, matrix_of(scheme, shape));
    if (scheme.scale_dtype == ScaleDtype::kTwoLevel) {
        add_two_levels(scheme, grid, parts);
        return parts;
    }
    const Dtype dtype = scale_dtype_of(scheme);
    const Shape state_shape = shape_of(scheme, grid);
    const std::uint64_t bytes = grid.count() * (dtype_bits(dtype) / 8);
    parts.push_back({".scale", dtype, state_shape, bytes});
    if (!has_zero_points(scheme)) return parts;
    if (scheme.zero_point == ZeroPoint::kInteger) {
        parts.push_back(packed_part(".zero_point", scheme.bits, false, state_shape));
    } else {
        parts.push_back({".zero_point", dtype, state_shape, bytes});
    }
    return parts;
}

std::uint64_t stored_bytes(const Scheme& scheme, const Shape& shape) {
    std::uint64_t sum = 0;
    for (const StoredPart& part : stored_parts(scheme, shape)) sum += part.byte_count;
    return sum;
}

std::uint64_t sidecar_state_bytes(const Scheme& scheme) noexcept {
    if (has_state_tensors(scheme)) return 0;
    return has_zero_points(scheme) ? 2 * sizeof(float) : sizeof(float);
}

std::uint64_t state_bytes(const Scheme& scheme, const Shape& shape) {
    const std::vector<StoredPart> parts = stored_parts(scheme, shape);
    std::uint64_t sum = sidecar_state_bytes(scheme);
    for (std::size_t i = 1; i < parts.size(); ++i) sum += parts[i].byte_count;
    return sum;
}

Dtype scale_dtype_of(const Scheme& scheme) noexcept {
    if (scheme.scale_dtype == ScaleDtype::kF16) return Dtype::kF16;
    return scheme.scale_dtype == ScaleDtype::kBF16 ? Dtype::kBF16 : Dtype::kF32;
}

}  // namespace octet::quant
