// Where the codes and states of a tile go: packed, and written at their places, or compared with what is there.
#include <algorithm>

#include "base/checked.hpp"
#include "quant/packing.hpp"
#include "quant/two_level.hpp"
#include "quant/values.hpp"
#include "run/block_pass.hpp"

namespace octet::run {

/// Packs the codes of the tile's rows one behind the other; returns their bytes. `packed` may be `codes`.
std::uint64_t BlockWork::pack_rows(const TilePlace& place, const std::uint8_t* codes, std::uint8_t* packed) const {
    const unsigned bits = job_.block->scheme.bits;
    const std::uint64_t packed_row = layout_.matrix.packed_row;
    std::uint64_t length = 0;
    if (packed_row % 8 == 0 && place.column % 8 == 0 && place.columns % 8 == 0) {  // all pieces fill their bytes
        quant::pack(codes, place.rows * place.columns, bits, packed);
        return quant::packed_bytes(place.rows * place.columns, bits);
    }
    for (std::uint64_t row = 0; row < place.rows; ++row) {
        for (std::uint64_t done = 0; done < place.columns;) {
            const std::uint64_t left = packed_row - (place.column + done) % packed_row;
            const std::uint64_t count = std::min(left, place.columns - done);
            quant::pack(codes, count, bits, packed + length);
            length += quant::packed_bytes(count, bits);
            codes += count;
            done += count;
        }
    }
    return length;
}

/// Hands the codes on, packed where they do not fill bytes.
void BlockWork::write_codes(const TilePlace& place, std::uint8_t* codes, Slot& slot, Pass& pass) const {
    if (job_.codec == Codec::kMeasureBlocks) return;
    if (!pass.output) return write_panel(place, codes, slot, pass);
    Bytes made(reinterpret_cast<std::byte*>(codes), place.rows * place.columns);
    if (job_.block->scheme.bits < 8) {
        made = pass.output->next(packed_tile_bytes(layout_, place));
        pack_rows(place, codes, reinterpret_cast<std::uint8_t*>(made.data()));
    }
    if (pass.written) pass.written->add(made);
}

/// Codes that do not lie one behind the other, or that are only compared: row by row, unless rows are whole.
void BlockWork::write_panel(const TilePlace& place, std::uint8_t* codes, Slot& slot, Pass& pass) const {
    const bool whole_rows = place.columns == layout_.matrix.columns;
    TilePlace part = place;
    if (!whole_rows) part.rows = 1;
    for (; part.row < place.row + place.rows; part.row += part.rows, codes += part.rows * part.columns) {
        const std::uint64_t length =
            job_.block->scheme.bits < 8 ? pack_rows(part, codes, codes) : part.rows * part.columns;
        put(0, code_offset_of(layout_, part), {reinterpret_cast<const std::byte*>(codes), length}, slot, pass);
    }
}

void BlockWork::write_states(const TilePlace& place, const quant::Blocks& blocks, Slot& slot, Pass& pass) const {
    const Scheme& scheme = job_.block->scheme;
    if (!quant::has_state_tensors(scheme) || job_.codec == Codec::kMeasureBlocks) return;
    if (scheme.scale_dtype == ScaleDtype::kTwoLevel) return write_two_levels(place, blocks, slot, pass);
    const quant::BlockGrid& grid = layout_.grid;
    const std::uint64_t row = place.row / grid.rows_each;
    const std::uint64_t column = place.column / grid.columns_each;
    const std::uint64_t pieces = blocks.across == grid.across ? 1 : blocks.count / blocks.across;
    const std::uint64_t piece = blocks.count / pieces;
    for (std::uint64_t i = 0; i < pieces; ++i) {
        const std::uint64_t first = (row + i) * grid.across + column;
        write_numbers(1, blocks.scale + i * piece, first, piece, slot, pass);
        if (!scheme.symmetric && scheme.zero_point == ZeroPoint::kReal)
            write_numbers(2, blocks.zero_point + i * piece, first, piece, slot, pass);
    }
    if (scheme.zero_point != ZeroPoint::kInteger) return;
    for (std::uint64_t i = 0; i < blocks.count / blocks.across; ++i)
        write_packed(2, scheme.bits, blocks.zero_point + i * blocks.across, row + i, column, blocks.across, slot, pass);
}

void BlockWork::write_two_levels(const TilePlace& place, const quant::Blocks& blocks, Slot& slot, Pass& pass) const {
    const Scheme& scheme = job_.block->scheme;
    const quant::TwoLevelShape two = quant::two_level_shape(scheme);
    const std::uint64_t row = place.row / layout_.grid.rows_each;
    const std::uint64_t column = place.column / layout_.grid.columns_each;
    for (std::uint64_t i = 0; i < blocks.count / blocks.across; ++i) {
        const std::uint64_t first = i * blocks.across;
        write_packed(1, two.scale_bits, blocks.small_scale + first, row + i, column, blocks.across, slot, pass);
        if (scheme.symmetric) continue;
        write_packed(2, two.zero_point_bits, blocks.small_zero_point + first, row + i, column, blocks.across, slot,
                     pass);
    }
    const quant::BlockGrid grid = quant::super_grid_of(scheme, layout_.grid);
    const std::uint64_t across = divide_up(place.columns, grid.columns_each);
    for (std::uint64_t i = 0; i < divide_up(place.rows, grid.rows_each); ++i) {
        const std::uint64_t first = (place.row / grid.rows_each + i) * grid.across + place.column / grid.columns_each;
        write_numbers(scheme.symmetric ? 2 : 3, blocks.super_scale + i * across, first, across, slot, pass);
        if (!scheme.symmetric) write_numbers(4, blocks.super_zero_point + i * across, first, across, slot, pass);
    }
}

void BlockWork::write_numbers(std::size_t part, const float* values, std::uint64_t first, std::uint64_t count,
                              Slot& slot, Pass& pass) const {
    const std::uint64_t each = bytes_each(parts_[part].dtype);
    if (parts_[part].dtype == Dtype::kF32)
        return put(part, first * each, std::as_bytes(std::span(values, count)), slot, pass);
    kernels::Narrowing exact{};
    const Bytes stored(pass.stored, count * each);
    quant::convert_values(Dtype::kF32, std::as_bytes(std::span(values, count)), parts_[part].dtype, stored, exact);
    put(part, first * each, stored, slot, pass);
}

/// Whole numbers of blocks side by side, from a multiple of 8 on.
void BlockWork::write_packed(std::size_t part, unsigned bits, const float* values, std::uint64_t row,
                             std::uint64_t column, std::uint64_t count, Slot& slot, Pass& pass) const {
    auto* const stored = reinterpret_cast<std::uint8_t*>(pass.stored);
    std::transform(values, values + count, stored,
                   [](float value) { return static_cast<std::uint8_t>(static_cast<int>(value) & 255); });
    quant::pack(stored, count, bits, stored);
    const std::uint64_t at = row * quant::packed_bytes(layout_.grid.across, bits) + quant::packed_bytes(column, bits);
    put(part, at, {pass.stored, quant::packed_bytes(count, bits)}, slot, pass);
}

/// Several tasks share a tensor: its state tensors wait in memory until all codes are handed on, and follow them then, so that the file is
/// written in order and hashed on the way. Where there is no room they are written at their places, and hashed in the end.
void BlockWork::keep_states() {
    constexpr std::uint64_t kMostKeptBytes = 5U << 20U;
    if (!stretch_ || parts_.size() == 1 || road_.kept_bytes == nullptr) return;
    std::call_once(kept_once_, [this] {
        const std::uint64_t size = parts_.back().byte_count + offsets_.back() - offsets_[1];
        if (road_.kept_bytes->fetch_add(size) + size <= kMostKeptBytes) {
            kept_ = io::LargeBuffer(size, io::Pages::kSmall);
        } else {
            *road_.kept_bytes -= size;
        }
    });
}

/// A task has handed on its codes; behind the last one go the states.
void BlockWork::hand_on_states() {
    const Bytes kept = kept_.bytes();
    if (codes_left_.fetch_sub(1) != 1 || kept.empty()) return;
    OutputStream output(road_.output, job_.target, offsets_[1]);
    copy_to(output, kept, nullptr);
    output.finish();
    *road_.kept_bytes -= kept.size();
    kept_ = {};
}

void BlockWork::copy_to(OutputStream& output, ConstBytes bytes, quant::PieceHasher* hasher) {
    while (!bytes.empty()) {
        const std::uint64_t size = std::min<std::uint64_t>(bytes.size(), 64U << 10U);
        const Bytes room = output.next(size);
        std::copy_n(bytes.begin(), size, room.begin());
        if (hasher != nullptr) hasher->add(room);
        bytes = bytes.subspan(size);
    }
}

/// Writes what is held of a state tensor: few large writes keep the others from waiting for the file.
void BlockWork::write_run(std::size_t part, Pass& pass) const {
    Pass::StateRun& run = pass.runs[part - 1];
    if (run.size == 0) return;
    job_.target->write_at(pass.states.subspan((part - 1) * Pass::kRunBytes, run.size), offsets_[part] + run.offset);
    run.size = 0;
}

/// Writes bytes of a part, or keeps them for later, or compares them with what is stored.
void BlockWork::put(std::size_t part, std::uint64_t offset, ConstBytes bytes, Slot& slot, Pass& pass) const {
    if (job_.codec != Codec::kCheckBlocks) {
        const Bytes kept = kept_.bytes();
        if (part > 0 && !kept.empty()) {
            std::copy(bytes.begin(), bytes.end(), kept.subspan(offsets_[part] - offsets_[1] + offset).begin());
            return;
        }
        const bool is_held = part > 0 && !pass.states.empty() && (keeps_states_ || bytes.size() <= Pass::kRunBytes);
        if (!is_held) return job_.target->write_at(bytes, offsets_[part] + offset);
        std::uint64_t place = offsets_[part] - offsets_[1] + offset;
        if (!keeps_states_) {
            Pass::StateRun& run = pass.runs[part - 1];
            if (offset != run.offset + run.size || run.size + bytes.size() > Pass::kRunBytes) write_run(part, pass);
            if (run.size == 0) run.offset = offset;
            place = (part - 1) * Pass::kRunBytes + run.size;
            run.size += bytes.size();
        }
        std::copy(bytes.begin(), bytes.end(), pass.states.subspan(place, bytes.size()).begin());
        return;
    }
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
