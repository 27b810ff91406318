// Where state lies (in the sidecar, as floats, as small numbers of two levels) is decided here
// once; restoring uses the loops that dequantize uses, so the floats are the same to the bit.
#include "model/weight_matrix.hpp"

#include <algorithm>
#include <cstring>

#include "model/active_products.hpp"
#include "quant/active_kernels.hpp"
#include "quant/block_state.hpp"
#include "quant/packing.hpp"

namespace octet::model {
namespace {

constexpr std::size_t kRoom = kMostAtOnce + 8;  ///< blocks begin at a multiple of 8

const std::uint8_t* as_codes(const std::byte* bytes) {
    return reinterpret_cast<const std::uint8_t*>(bytes);
}

/// Numbers of the grid's blocks, from `first` on, a multiple of 8.
kernels::Codes row_of_grid(const WeightMatrix& matrix, const std::byte* numbers, unsigned bits,
                           bool is_signed, std::uint64_t grid_row, std::uint64_t first) {
    const std::uint64_t row = grid_row * quant::packed_bytes(matrix.state.grid.across, bits);
    return {as_codes(numbers) + row + first / 8 * bits, bits, is_signed};
}

/// Stored floats of the grid, from the block numbered `first`.
void load_floats(const std::byte* stored, Dtype dtype, std::uint64_t first, std::size_t count,
                 float* out) {
    const kernels::Kernels& loops = quant::active_kernels();
    if (dtype == Dtype::kF32) {
        std::memcpy(out, stored + first * sizeof(float), count * sizeof(float));
    } else if (dtype == Dtype::kF16) {
        loops.widen_f16(stored + first * 2, count, out);
    } else {
        loops.widen_bf16(stored + first * 2, count, out);
    }
}

/// Small numbers become what they stand for: each is multiplied with the float of its superblock,
/// and rounded.
void multiply_by_supers(const WeightMatrix& matrix, const std::byte* stored, std::uint64_t grid_row,
                        std::uint64_t first, std::size_t count, float* numbers) {
    const TwoLevels& two = *matrix.state.two;
    float supers[kRoom];
    const std::uint64_t first_super = first / two.groups_across;
    const std::size_t super_count = (first + count - 1) / two.groups_across - first_super + 1;
    super_floats_of(matrix, stored, grid_row / two.groups_down, first_super, super_count, supers);
    std::size_t done = 0;
    for (std::size_t super = 0; super < super_count; ++super) {
        const std::size_t end =
            std::min<std::size_t>((first_super + super + 1) * two.groups_across - first, count);
        for (; done < end; ++done) numbers[done] *= supers[super];
    }
}

/// Scales and zero points as dequantize takes them, of `count` <= kRoom blocks.
void load_states(const WeightMatrix& matrix, std::uint64_t grid_row, std::uint64_t first,
                 std::size_t count, float* scales, float* zero_points) {
    const CodeState& state = matrix.state;
    const kernels::Products& loops = active_products();
    if (state.scales == nullptr) {
        std::fill(scales, scales + count, state.scale);
        std::fill(zero_points, zero_points + count, state.zero_point);
        return;
    }
    if (state.zero_points == nullptr) std::fill(zero_points, zero_points + count, 0.0F);
    if (state.two) {
        loops.widen_codes(small_scales_of(matrix, grid_row, first), count, scales);
        multiply_by_supers(matrix, state.two->scales, grid_row, first, count, scales);
        if (state.zero_points == nullptr) return;
        loops.widen_codes(small_zero_points_of(matrix, grid_row, first), count, zero_points);
        multiply_by_supers(matrix, state.two->zero_points, grid_row, first, count, zero_points);
        return;
    }
    const std::uint64_t block = grid_row * state.grid.across + first;
    load_floats(state.scales, state.dtype, block, count, scales);
    if (state.zero_points == nullptr) return;
    if (state.scheme.zero_point == ZeroPoint::kReal) {
        load_floats(state.zero_points, state.dtype, block, count, zero_points);
    } else {
        loops.widen_codes(
            row_of_grid(matrix, state.zero_points, state.scheme.bits, false, grid_row, first),
            count, zero_points);
    }
}

/// The states of a row of the grid, one for each of `count` <= kMostAtOnce columns from `first` on.
void load_states_of_columns(const WeightMatrix& matrix, std::uint64_t grid_row, std::uint64_t first,
                            std::size_t count, float* scales, float* zero_points) {
    float block_scales[kRoom];
    float block_zero_points[kRoom];
    const std::uint64_t each = matrix.state.grid.columns_each;
    const std::uint64_t loaded = first / each / 8 * 8;
    load_states(matrix, grid_row, loaded, (first + count - 1) / each - loaded + 1, block_scales,
                block_zero_points);
    std::uint64_t block = first / each;
    for (std::size_t done = 0; done < count; ++block) {
        const std::size_t end = std::min<std::size_t>((block + 1) * each - first, count);
        std::fill(scales + done, scales + end, block_scales[block - loaded]);
        std::fill(zero_points + done, zero_points + end, block_zero_points[block - loaded]);
        done = end;
    }
}

/// The same as restore_rows() of at most kMostAtOnce columns of codes with blocks.
void restore_codes(const WeightMatrix& matrix, std::uint64_t first_row, std::size_t row_count,
                   std::uint64_t first, std::size_t count, float* out, std::size_t pitch) {
    const CodeState& state = matrix.state;
    const unsigned bits = state.scheme.bits;
    float scales[kMostAtOnce];
    float zero_points[kMostAtOnce];
    std::uint8_t room[kRoom];
    kernels::BlockLoop loop{quant::block_kind(state.scheme),
                            false,
                            quant::largest_code(state.scheme),
                            1,
                            1,
                            scales,
                            zero_points};
    for (std::size_t r = 0; r < row_count; ++r) {
        const std::uint64_t row = first_row + r;
        if (r == 0 || row % state.grid.rows_each == 0)
            load_states_of_columns(matrix, row / state.grid.rows_each, first, count, scales,
                                   zero_points);
        const std::size_t skipped = first % 8;
        const std::uint8_t* codes = as_codes(matrix.row(row)) + first;
        if (bits < 8) {
            quant::unpack(as_codes(matrix.row(row)) + first / 8 * bits, count + skipped, bits,
                          state.scheme.symmetric, room);
            codes = room + skipped;
        }
        quant::active_kernels().restore_block(codes, count, loop, out + r * pitch);
    }
}

/// Floats, or 8-bit codes under one scale and zero point.
void restore_plain_row(const WeightMatrix& matrix, std::uint64_t row, std::uint64_t first,
                       std::size_t count, float* out) {
    const kernels::Kernels& loops = quant::active_kernels();
    const std::byte* const start = matrix.row(row);
    if (matrix.is_codes) {
        const CodeState& state = matrix.state;
        const kernels::BlockLoop loop{kernels::BlockKind::kReal,
                                      false,
                                      quant::largest_code(state.scheme),
                                      1,
                                      1,
                                      &state.scale,
                                      &state.zero_point,
                                      std::max<std::size_t>(count, 1)};
        return loops.restore_block(as_codes(start) + first, count, loop, out);
    }
    switch (matrix.dtype) {
        case Dtype::kF16:
            return loops.widen_f16(start + 2 * first, count, out);
        case Dtype::kBF16:
            return loops.widen_bf16(start + 2 * first, count, out);
        case Dtype::kF64:
            return loops.narrow_f64(start + 8 * first, count, out);
        default:
            std::memcpy(out, start + 4 * first, 4 * count);
    }
}

}  // namespace

kernels::Codes codes_of(const WeightMatrix& matrix, std::uint64_t row, std::uint64_t first_column) {
    const unsigned bits = matrix.state.scheme.bits;
    return {as_codes(matrix.row(row)) + first_column / 8 * bits, bits,
            matrix.state.scheme.symmetric};
}

void states_of(const WeightMatrix& matrix, std::uint64_t grid_row, std::uint64_t first,
               std::size_t count, float* scales, float* offsets) {
    load_states(matrix, grid_row, first, count, scales, offsets);
    if (matrix.state.two) {
        const auto middle = static_cast<float>(matrix.state.two->shape.code_offset);
        for (std::size_t i = 0; i < count; ++i) offsets[i] -= middle * scales[i];
    } else if (!matrix.state.scheme.symmetric &&
               matrix.state.scheme.zero_point == ZeroPoint::kInteger) {
        for (std::size_t i = 0; i < count; ++i) offsets[i] *= -scales[i];
    }
}

kernels::Codes small_scales_of(const WeightMatrix& matrix, std::uint64_t grid_row,
                               std::uint64_t first) {
    return row_of_grid(matrix, matrix.state.scales, matrix.state.two->shape.scale_bits, false,
                       grid_row, first);
}

kernels::Codes small_zero_points_of(const WeightMatrix& matrix, std::uint64_t grid_row,
                                    std::uint64_t first) {
    return row_of_grid(matrix, matrix.state.zero_points, matrix.state.two->shape.zero_point_bits,
                       true, grid_row, first);
}

void super_floats_of(const WeightMatrix& matrix, const std::byte* stored, std::uint64_t super_row,
                     std::uint64_t first, std::size_t count, float* out) {
    load_floats(stored, Dtype::kF16, super_row * matrix.state.two->supers.across + first, count,
                out);
}

void restore_rows(const WeightMatrix& matrix, std::uint64_t first_row, std::size_t row_count,
                  std::uint64_t first_column, std::size_t count, float* out, std::size_t pitch) {
    if (!matrix.is_codes || quant::is_plain(matrix.state.scheme)) {
        for (std::size_t r = 0; r < row_count; ++r)
            restore_plain_row(matrix, first_row + r, first_column, count, out + r * pitch);
        return;
    }
    for (std::size_t done = 0; done < count;) {
        const std::size_t some = std::min(kMostAtOnce, count - done);
        restore_codes(matrix, first_row, row_count, first_column + done, some, out + done, pitch);
        done += some;
    }
}

}  // namespace octet::model
