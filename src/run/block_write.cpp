// Where the codes and states of a tile go: packed, and written at their places, or compared with what is there.
#include <algorithm>

#include "base/checked.hpp"
#include "quant/packing.hpp"
#include "quant/two_level.hpp"
#include "quant/values.hpp"
#include "run/block_buffers.hpp"

namespace octet::run {

/// Packs the codes where they are, row by row, and writes them: whole rows lie one behind the other.
void BlockWork::write_codes(const TilePlace& place, std::uint8_t* codes, Slot& slot) const {
    const unsigned bits = job_.block->scheme.bits;
    const std::uint64_t packed_row = layout_.matrix.packed_row;
    const bool whole_rows = place.columns == layout_.matrix.columns;
    const auto bytes = [&](const std::uint8_t* from, std::uint64_t count) {
        return ConstBytes(reinterpret_cast<const std::byte*>(from), count);
    };
    const std::uint64_t row_bytes = layout_.matrix.columns / packed_row * quant::packed_bytes(packed_row, bits);
    std::uint8_t* packed = codes;
    for (std::uint64_t row = 0; row < place.rows; ++row) {
        std::uint8_t* const from = codes + row * place.columns;
        if (!whole_rows) packed = from;
        std::uint64_t length = 0;
        for (std::uint64_t done = 0; done < place.columns;) {
            const std::uint64_t left = packed_row - (place.column + done) % packed_row;
            const std::uint64_t count = std::min(left, place.columns - done);
            if (bits < 8) quant::pack(from + done, count, bits, packed + length);
            length += quant::packed_bytes(count, bits);
            done += count;
        }
        if (!whole_rows) {
            const std::uint64_t in_row = place.column / packed_row * quant::packed_bytes(packed_row, bits) +
                                         place.column % packed_row / 8 * bits;
            put(0, (place.row + row) * row_bytes + in_row, bytes(packed, length), slot);
        }
        packed += length;
    }
    if (whole_rows) put(0, place.row * row_bytes, bytes(codes, place.rows * row_bytes), slot);
}

void BlockWork::write_states(const TilePlace& place, const quant::Blocks& blocks, Buffers& buffers, Slot& slot) const {
    const Scheme& scheme = job_.block->scheme;
    if (!quant::has_state_tensors(scheme)) return;
    if (scheme.scale_dtype == ScaleDtype::kTwoLevel) return write_two_levels(place, blocks, buffers, slot);
    const quant::BlockGrid& grid = layout_.grid;
    const std::uint64_t row = place.row / grid.rows_each;
    const std::uint64_t column = place.column / grid.columns_each;
    const std::uint64_t pieces = blocks.across == grid.across ? 1 : blocks.count / blocks.across;
    const std::uint64_t piece = blocks.count / pieces;
    for (std::uint64_t i = 0; i < pieces; ++i) {
        const std::uint64_t first = (row + i) * grid.across + column;
        write_numbers(1, blocks.scale + i * piece, first, piece, buffers, slot);
        if (!scheme.symmetric && scheme.zero_point == ZeroPoint::kReal)
            write_numbers(2, blocks.zero_point + i * piece, first, piece, buffers, slot);
    }
    if (scheme.zero_point != ZeroPoint::kInteger) return;
    for (std::uint64_t i = 0; i < blocks.count / blocks.across; ++i)
        write_packed(2, scheme.bits, blocks.zero_point + i * blocks.across, row + i, column, blocks.across, buffers,
                     slot);
}

void BlockWork::write_two_levels(const TilePlace& place, const quant::Blocks& blocks, Buffers& buffers,
                                 Slot& slot) const {
    const Scheme& scheme = job_.block->scheme;
    const quant::TwoLevelShape two = quant::two_level_shape(scheme);
    const std::uint64_t row = place.row / layout_.grid.rows_each;
    const std::uint64_t column = place.column / layout_.grid.columns_each;
    for (std::uint64_t i = 0; i < blocks.count / blocks.across; ++i) {
        const std::uint64_t first = i * blocks.across;
        write_packed(1, two.scale_bits, blocks.small_scale + first, row + i, column, blocks.across, buffers, slot);
        if (scheme.symmetric) continue;
        write_packed(2, two.zero_point_bits, blocks.small_zero_point + first, row + i, column, blocks.across, buffers,
                     slot);
    }
    const quant::BlockGrid grid = quant::super_grid_of(scheme, layout_.grid);
    const std::uint64_t across = divide_up(place.columns, grid.columns_each);
    for (std::uint64_t i = 0; i < divide_up(place.rows, grid.rows_each); ++i) {
        const std::uint64_t first = (place.row / grid.rows_each + i) * grid.across + place.column / grid.columns_each;
        write_numbers(scheme.symmetric ? 2 : 3, blocks.super_scale + i * across, first, across, buffers, slot);
        if (!scheme.symmetric) write_numbers(4, blocks.super_zero_point + i * across, first, across, buffers, slot);
    }
}

void BlockWork::write_numbers(std::size_t part, const float* values, std::uint64_t first, std::uint64_t count,
                              Buffers& buffers, Slot& slot) const {
    kernels::Narrowing exact{};
    const std::uint64_t each = bytes_each(parts_[part].dtype);
    const Bytes stored(buffers.stored, count * each);
    quant::convert_values(Dtype::kF32, std::as_bytes(std::span(values, count)), parts_[part].dtype, stored, exact);
    put(part, first * each, stored, slot);
}

/// Whole numbers of blocks side by side, from a multiple of 8 on.
void BlockWork::write_packed(std::size_t part, unsigned bits, const float* values, std::uint64_t row,
                             std::uint64_t column, std::uint64_t count, Buffers& buffers, Slot& slot) const {
    auto* const stored = reinterpret_cast<std::uint8_t*>(buffers.stored);
    std::transform(values, values + count, stored,
                   [](float value) { return static_cast<std::uint8_t>(static_cast<int>(value) & 255); });
    quant::pack(stored, count, bits, stored);
    const std::uint64_t at = row * quant::packed_bytes(layout_.grid.across, bits) + quant::packed_bytes(column, bits);
    put(part, at, {buffers.stored, quant::packed_bytes(count, bits)}, slot);
}

/// Writes bytes of a part, or compares them with what is stored.
void BlockWork::put(std::size_t part, std::uint64_t offset, ConstBytes bytes, Slot& slot) const {
    if (job_.codec != Codec::kCheckBlocks) return job_.target->write_at(bytes, offsets_[part] + offset);
    std::byte stored[4096];
    for (std::uint64_t at = 0; at < bytes.size() && !slot.first_difference; at += sizeof(stored)) {
        const Bytes piece = Bytes(stored).first(std::min<std::uint64_t>(sizeof(stored), bytes.size() - at));
        job_.target->read_at(piece, offsets_[part] + offset + at);
        const auto differs = std::mismatch(piece.begin(), piece.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
        if (differs.first != piece.end())
            slot.first_difference =
                offsets_[part] + offset + at + static_cast<std::uint64_t>(differs.first - piece.begin());
    }
}

}  // namespace octet::run
