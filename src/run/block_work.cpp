#include "run/block_work.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/active_kernels.hpp"
#include "quant/packing.hpp"
#include "quant/values.hpp"

namespace octet::run {
namespace {

/// Elements that are restored at a time, and in one step.
constexpr std::uint64_t kRestoredElements = 128U << 10U;
constexpr std::uint64_t kRestoreStepElements = 1U << 20U;

std::uint64_t bytes_each(Dtype dtype) {
    return dtype_bits(dtype) / 8;
}

template <typename T>
T* take(Bytes& memory, std::uint64_t count) {
    T* const taken = reinterpret_cast<T*>(memory.data());
    memory = memory.subspan(divide_up(count * sizeof(T), 64) * 64);
    return taken;
}

}  // namespace

/// A worker's memory, cut up.
struct BlockWork::Buffers {
    float* values;
    std::uint8_t* codes;
    std::byte* raw;
    float* min;
    float* max;
    float* scale;
    float* zero_point;
    std::byte* stored;

    Buffers(Bytes memory, Dtype dtype)
        : values(take<float>(memory, kMostTileElements)),
          codes(take<std::uint8_t>(memory, kMostTileElements)),
          raw(dtype == Dtype::kF32 ? nullptr : take<std::byte>(memory, kMostTileElements * bytes_each(dtype))),
          min(take<float>(memory, kMostTileBlocks)),
          max(take<float>(memory, kMostTileBlocks)),
          scale(take<float>(memory, kMostTileBlocks)),
          zero_point(take<float>(memory, kMostTileBlocks)),
          stored(take<std::byte>(memory, kMostTileBlocks * sizeof(float))) {}

    /// The blocks of a tile of that size, in this memory.
    quant::Blocks blocks_of(const quant::BlockGrid& grid, std::uint64_t rows, std::uint64_t columns) const {
        quant::Blocks blocks = quant::blocks_of(grid, rows, columns);
        blocks.min = min;
        blocks.max = max;
        blocks.scale = scale;
        blocks.zero_point = zero_point;
        return blocks;
    }
};

BlockWork::BlockWork(TensorJob& job) : job_(job) {
    BlockJob& block = *job.block;
    if (job.codec == Codec::kRestoreBlocks) {
        reader_.emplace(*job.source, job.source_offset, block.scheme, *job.shape, block.state);
        slots_.resize(divide_up(block.elements, kRestoreStepElements));
        return;
    }
    layout_ = layout_of(block.scheme, job.source_dtype, *job.shape, job.name);
    parts_ = quant::stored_parts(block.scheme, *job.shape);
    std::uint64_t offset = job.target_offset;
    for (const quant::StoredPart& part : parts_) {
        offsets_.push_back(offset);
        offset += part.byte_count;
    }
    steps_ = block_steps(layout_);
    slots_.resize(steps_.size());
    if (steps_.empty() || steps_.front().kind == BlockStepKind::kWhole) return;
    domains_ = std::vector<Domain>(layout_.tiles() / layout_.tiles_per_domain);
    for (const BlockStep& step : steps_) {
        Domain& domain = domains_[step.domain];
        ++(step.kind == BlockStepKind::kRange ? domain.ranges_left : domain.codes_left);
    }
}

std::uint64_t BlockWork::steps() const noexcept {
    return slots_.size();
}

std::uint64_t BlockWork::memory_bytes(const TensorJob& job) noexcept {
    if (job.codec == Codec::kRestoreBlocks)
        return kRestoredElements * (sizeof(float) + 1 + bytes_each(job.target_dtype)) + 1024;
    return tile_memory(job.source_dtype);
}

std::uint64_t BlockWork::do_step(std::uint64_t number, Bytes memory, const std::function<bool()>& is_futile) {
    Slot& slot = slots_[number];
    if (reader_) return restore_step(number, memory, slot);
    const BlockStep& step = steps_[number];
    Buffers buffers(memory, job_.source_dtype);
    if (step.kind == BlockStepKind::kWhole) {
        whole_step(step, buffers, slot);
    } else if (step.kind == BlockStepKind::kRange) {
        range_step(step, buffers);
        return 0;
    } else {
        Domain& domain = domains_[step.domain];
        for (std::uint64_t left = domain.ranges_left; left != 0; left = domain.ranges_left)
            domain.ranges_left.wait(left);
        if (is_futile()) return 0;
        codes_step(step, buffers, slot);
    }
    std::uint64_t elements = 0;
    for (std::uint64_t i = 0; i < step.tiles; ++i) {
        const TilePlace place = place_of(layout_, step.first_tile + i);
        elements += place.rows * place.columns;
    }
    return elements * bytes_each(job_.source_dtype);
}

void BlockWork::settled(std::uint64_t number) {
    if (reader_ || steps_[number].kind != BlockStepKind::kRange) return;
    std::atomic<std::uint64_t>& left = domains_[steps_[number].domain].ranges_left;
    if (left.fetch_sub(1) == 1) left.notify_all();
}

void BlockWork::finish() {
    BlockJob& block = *job_.block;
    for (const Slot& slot : slots_) {
        job_.sums.merge(slot.sums);
        block.bound = std::max(block.bound, slot.bound);
        if (!block.first_difference) block.first_difference = slot.first_difference;
        kernels::Narrowing& all = job_.narrowing;
        all.max_abs_difference = std::max(all.max_abs_difference, slot.narrowing.max_abs_difference);
    }
}

quant::Tile BlockWork::read_tile(const TilePlace& place, Buffers& buffers) const {
    const std::uint64_t each = bytes_each(job_.source_dtype);
    const std::uint64_t count = place.rows * place.columns;
    std::byte* const raw = buffers.raw == nullptr ? reinterpret_cast<std::byte*>(buffers.values) : buffers.raw;
    const bool whole_rows = place.columns == layout_.matrix.columns;
    const std::uint64_t pieces = whole_rows ? 1 : place.rows;
    const std::uint64_t piece = count / pieces * each;
    for (std::uint64_t i = 0; i < pieces; ++i) {
        const std::uint64_t first = (place.row + i) * layout_.matrix.columns + place.column;
        job_.source->read_at({raw + i * piece, piece}, job_.source_offset + first * each);
    }
    if (buffers.raw != nullptr) {
        kernels::Narrowing exact{};
        quant::convert_values(job_.source_dtype, {raw, count * each}, Dtype::kF32,
                              std::as_writable_bytes(std::span(buffers.values, count)), exact);
    }
    const bool is_f64 = job_.source_dtype == Dtype::kF64;
    return {place.rows, place.columns, buffers.values, is_f64 ? reinterpret_cast<const double*>(raw) : nullptr};
}

void BlockWork::add_ranges(const TilePlace& place, const quant::Tile& tile, const quant::Blocks& blocks,
                           const Buffers& buffers) const {
    if (quant::add_ranges(tile, blocks)) return;
    const std::uint64_t bytes = tile.rows * tile.columns * bytes_each(job_.source_dtype);
    const auto* const raw = buffers.raw == nullptr ? reinterpret_cast<const std::byte*>(tile.values) : buffers.raw;
    const auto found = quant::first_non_finite(job_.source_dtype, {raw, bytes});
    const std::uint64_t at = found ? found->element : 0;
    const std::uint64_t element =
        (place.row + at / tile.columns) * layout_.matrix.columns + place.column + at % tile.columns;
    throw_not_finite(job_, found ? found->value : NAN, element);
}

void BlockWork::make_states(const TilePlace& place, const quant::Tile& tile, const quant::Blocks& blocks) const {
    std::uint64_t i = 0;
    if (quant::make_states(job_.block->scheme, tile, blocks, i)) return;
    const std::uint64_t row = place.row + i / blocks.across * blocks.rows_each;
    const std::uint64_t column = place.column + i % blocks.across * blocks.columns_each;
    throw Error(
        ErrorCode::kBadInput, printable(job_.source->name()),
        fmt::format("tensor {} spans {} to {} in the block at {}, which overflows {}; --on-non-finite keep copies "
                    "tensors whose range overflows float32, another scheme has another range",
                    in_quotes(job_.name), blocks.min[i], blocks.max[i],
                    index_text(row * layout_.matrix.columns + column, *job_.shape),
                    job_.block->scheme.scale_dtype == ScaleDtype::kF32 ? "float32" : "its scale's dtype"));
}

/// A tensor's own state goes to the sidecar.
void BlockWork::note_state(const quant::Blocks& blocks) {
    if (!quant::has_state_tensors(job_.block->scheme)) job_.block->state = {blocks.scale[0], blocks.zero_point[0]};
}

void BlockWork::whole_step(const BlockStep& step, Buffers& buffers, Slot& slot) {
    const std::uint64_t each = layout_.tiles_per_domain;
    for (std::uint64_t first = step.first_tile; first < step.first_tile + step.tiles; first += each) {
        const TilePlace front = place_of(layout_, first);
        const TilePlace back = place_of(layout_, first + each - 1);
        const std::uint64_t rows = back.row + back.rows - front.row;
        const std::uint64_t columns = back.column + back.columns - front.column;
        const quant::Blocks blocks = buffers.blocks_of(layout_.grid, rows, columns);
        quant::clear_ranges(blocks);
        quant::Tile tile;
        for (std::uint64_t i = 0; i < each; ++i) {
            const TilePlace place = place_of(layout_, first + i);
            tile = read_tile(place, buffers);
            add_ranges(place, tile, blocks, buffers);
        }
        make_states(front, tile, blocks);
        const quant::SumFactors factors = quant::sum_factors(blocks);
        for (std::uint64_t i = 0; i < each; ++i) {
            const TilePlace place = place_of(layout_, first + i);
            if (each > 1) tile = read_tile(place, buffers);
            slot.sums.merge(quant::quantize_tile(job_.block->scheme, tile, blocks, factors, buffers.codes));
            write_codes(place, buffers.codes, slot);
        }
        slot.bound = std::max(slot.bound, quant::largest_bound(job_.block->scheme, blocks, job_.source_dtype));
        write_states({front.row, front.column, rows, columns}, blocks, buffers, slot);
        note_state(blocks);
    }
}

void BlockWork::range_step(const BlockStep& step, Buffers& buffers) {
    quant::Blocks blocks;
    for (std::uint64_t i = 0; i < step.tiles; ++i) {
        const TilePlace place = place_of(layout_, step.first_tile + i);
        if (i == 0) {
            blocks = buffers.blocks_of(layout_.grid, place.rows, place.columns);
            quant::clear_ranges(blocks);
        }
        add_ranges(place, read_tile(place, buffers), blocks, buffers);
    }
    Domain& domain = domains_[step.domain];
    const std::lock_guard lock(domain.mutex);
    if (domain.min.empty()) {
        domain.min.assign(blocks.min, blocks.min + blocks.count);
        domain.max.assign(blocks.max, blocks.max + blocks.count);
        return;
    }
    for (std::uint64_t i = 0; i < blocks.count; ++i) {
        domain.min[i] = std::min(domain.min[i], blocks.min[i]);
        domain.max[i] = std::max(domain.max[i], blocks.max[i]);
    }
}

void BlockWork::codes_step(const BlockStep& step, Buffers& buffers, Slot& slot) {
    Domain& domain = domains_[step.domain];
    const TilePlace front = place_of(layout_, step.domain * layout_.tiles_per_domain);
    quant::Blocks blocks = buffers.blocks_of(layout_.grid, front.rows, front.columns);
    std::copy(domain.min.begin(), domain.min.end(), blocks.min);
    std::copy(domain.max.begin(), domain.max.end(), blocks.max);
    make_states(front, {}, blocks);
    const quant::SumFactors factors = quant::sum_factors(blocks);
    for (std::uint64_t i = 0; i < step.tiles; ++i) {
        const TilePlace place = place_of(layout_, step.first_tile + i);
        const quant::Tile tile = read_tile(place, buffers);
        slot.sums.merge(quant::quantize_tile(job_.block->scheme, tile, blocks, factors, buffers.codes));
        write_codes(place, buffers.codes, slot);
    }
    if (step.first_tile == step.domain * layout_.tiles_per_domain) {
        slot.bound = quant::largest_bound(job_.block->scheme, blocks, job_.source_dtype);
        write_states(front, blocks, buffers, slot);
        note_state(blocks);
    }
    if (domain.codes_left.fetch_sub(1) != 1) return;
    domain.min = {};
    domain.max = {};
}

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
        write_packed(blocks.zero_point + i * blocks.across, row + i, column, blocks.across, buffers, slot);
}

void BlockWork::write_numbers(std::size_t part, const float* values, std::uint64_t first, std::uint64_t count,
                              Buffers& buffers, Slot& slot) const {
    kernels::Narrowing exact{};
    const std::uint64_t each = bytes_each(parts_[part].dtype);
    const Bytes stored(buffers.stored, count * each);
    quant::convert_values(Dtype::kF32, std::as_bytes(std::span(values, count)), parts_[part].dtype, stored, exact);
    put(part, first * each, stored, slot);
}

/// Integer zero points of blocks side by side, from a multiple of 8 on.
void BlockWork::write_packed(const float* values, std::uint64_t row, std::uint64_t column, std::uint64_t count,
                             Buffers& buffers, Slot& slot) const {
    const unsigned bits = job_.block->scheme.bits;
    auto* const stored = reinterpret_cast<std::uint8_t*>(buffers.stored);
    std::transform(values, values + count, stored, [](float value) { return static_cast<std::uint8_t>(value); });
    quant::pack(stored, count, bits, stored);
    const std::uint64_t at = row * quant::packed_bytes(layout_.grid.across, bits) + quant::packed_bytes(column, bits);
    put(2, at, {buffers.stored, quant::packed_bytes(count, bits)}, slot);
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

std::uint64_t BlockWork::restore_step(std::uint64_t number, Bytes memory, Slot& slot) {
    const std::uint64_t start = number * kRestoreStepElements;
    const std::uint64_t stop = std::min(start + kRestoreStepElements, job_.block->elements);
    float* const values = take<float>(memory, kRestoredElements);
    const Bytes scratch(take<std::byte>(memory, kRestoredElements + 16), kRestoredElements + 16);
    const std::uint64_t each = bytes_each(job_.target_dtype);
    for (std::uint64_t first = start; first < stop; first += kRestoredElements) {
        const std::span<float> part(values, std::min(kRestoredElements, stop - first));
        reader_->read(first, part, scratch);
        const Bytes narrowed = memory.first(part.size() * each);
        const bool is_f32 = job_.target_dtype == Dtype::kF32;
        if (!is_f32)
            quant::convert_values(Dtype::kF32, std::as_bytes(part), job_.target_dtype, narrowed, slot.narrowing);
        throw_if_overflowed(job_, slot.narrowing);
        job_.target->write_at(is_f32 ? std::as_bytes(part) : ConstBytes(narrowed), job_.target_offset + first * each);
    }
    const std::uint64_t bytes = job_.source_bytes();
    const std::uint64_t steps = slots_.size();
    return number + 1 == steps ? bytes - bytes / steps * (steps - 1) : bytes / steps;
}

}  // namespace octet::run
