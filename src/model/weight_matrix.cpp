#include "model/weight_matrix.hpp"

#include <algorithm>
#include <cstring>

#include "quant/active_kernels.hpp"
#include "quant/block_state.hpp"
#include "quant/packing.hpp"

namespace octet::model {
namespace {

const std::uint8_t* as_codes(const std::byte* bytes) {
    return reinterpret_cast<const std::uint8_t*>(bytes);
}

/// Stored floats of the grid, from the block numbered `first`.
void load_floats(const std::byte* stored, Dtype dtype, std::uint64_t first, std::size_t count, float* out) {
    const kernels::Kernels& loops = quant::active_kernels();
    if (dtype == Dtype::kF32) {
        std::memcpy(out, stored + first * sizeof(float), count * sizeof(float));
    } else if (dtype == Dtype::kF16) {
        loops.widen_f16(stored + first * 2, count, out);
    } else {
        loops.widen_bf16(stored + first * 2, count, out);
    }
}

/// Scales and zero points as they are stored.
void load_states(const WeightMatrix& matrix, std::uint64_t grid_row, std::uint64_t first, std::size_t count,
                 float* scales, float* zero_points) {
    const CodeState& state = matrix.state;
    if (state.scales == nullptr) {
        std::fill(scales, scales + count, state.scale);
        std::fill(zero_points, zero_points + count, state.zero_point);
        return;
    }
    const std::uint64_t block = grid_row * state.grid.across + first;
    load_floats(state.scales, state.dtype, block, count, scales);
    if (state.zero_points == nullptr) {
        std::fill(zero_points, zero_points + count, 0.0F);
    } else if (state.scheme.zero_point == ZeroPoint::kReal) {
        load_floats(state.zero_points, state.dtype, block, count, zero_points);
    } else {
        const unsigned bits = state.scheme.bits;
        const std::size_t skipped = first % 8;
        std::uint8_t codes[kMostAtOnce + 8];
        quant::unpack(
            as_codes(state.zero_points) + grid_row * quant::packed_bytes(state.grid.across, bits) + first / 8 * bits,
            count + skipped, bits, false, codes);
        for (std::size_t i = 0; i < count; ++i) zero_points[i] = static_cast<float>(codes[skipped + i]);
    }
}

void restore_codes(const WeightMatrix& matrix, std::uint64_t row, std::uint64_t first, std::size_t count, float* out) {
    const CodeState& state = matrix.state;
    float block_scales[kMostAtOnce];
    float block_zero_points[kMostAtOnce];
    float scales[kMostAtOnce];
    float zero_points[kMostAtOnce];
    std::uint8_t room[kMostAtOnce + 8];
    kernels::BlockLoop loop{
        quant::block_kind(state.scheme), false, quant::largest_code(state.scheme), 1, 1, scales, zero_points};
    const std::uint64_t each = state.grid.columns_each;
    const std::uint64_t first_block = first / each;
    const std::size_t blocks = (first + count - 1) / each - first_block + 1;
    load_states(matrix, row / state.grid.rows_each, first_block, blocks, block_scales, block_zero_points);
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t block = (first + i) / each - first_block;
        scales[i] = block_scales[block];
        zero_points[i] = block_zero_points[block];
    }
    quant::active_kernels().restore_block(codes_of(matrix, row, first, count, room), count, loop, out);
}

}  // namespace

const std::uint8_t* codes_of(const WeightMatrix& matrix, std::uint64_t row, std::uint64_t first_column,
                             std::size_t count, std::uint8_t* room) {
    const unsigned bits = matrix.state.scheme.bits;
    if (bits == 8) return as_codes(matrix.row(row)) + first_column;
    const std::size_t skipped = first_column % 8;
    quant::unpack(as_codes(matrix.row(row)) + first_column / 8 * bits, count + skipped, bits,
                  matrix.state.scheme.symmetric, room);
    return room + skipped;
}

void states_of(const WeightMatrix& matrix, std::uint64_t grid_row, std::uint64_t first, std::size_t count,
               float* scales, float* offsets) {
    load_states(matrix, grid_row, first, count, scales, offsets);
    if (!matrix.state.scheme.symmetric && matrix.state.scheme.zero_point == ZeroPoint::kInteger) {
        for (std::size_t i = 0; i < count; ++i) offsets[i] *= -scales[i];
    }
}

void restore(const WeightMatrix& matrix, std::uint64_t row, std::uint64_t first_column, std::size_t count, float* out) {
    const kernels::Kernels& loops = quant::active_kernels();
    const std::byte* const start = matrix.row(row);
    if (matrix.is_codes && !quant::uses_blocks(matrix.state.scheme)) {
        loops.dequantize(as_codes(start) + first_column, count, matrix.state.scale, matrix.state.zero_point, out);
        return;
    }
    for (std::size_t done = 0; matrix.is_codes && done < count;) {
        const std::size_t some = std::min(kMostAtOnce, count - done);
        restore_codes(matrix, row, first_column + done, some, out + done);
        done += some;
    }
    if (matrix.is_codes) return;
    switch (matrix.dtype) {
        case Dtype::kF16:
            return loops.widen_f16(start + 2 * first_column, count, out);
        case Dtype::kBF16:
            return loops.widen_bf16(start + 2 * first_column, count, out);
        case Dtype::kF64:
            return loops.narrow_f64(start + 8 * first_column, count, out);
        default:
            std::memcpy(out, start + 4 * first_column, 4 * count);
    }
}

}  // namespace octet::model
