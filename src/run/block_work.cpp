#include "run/block_work.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/active_kernels.hpp"
#include "quant/values.hpp"
#include "run/block_buffers.hpp"

namespace octet::run {
namespace {

/// Elements that are restored at a time, and in one step.
constexpr std::uint64_t kRestoredElements = 128U << 10U;
constexpr std::uint64_t kRestoreStepElements = 1U << 20U;

}  // namespace

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
    return tile_memory(job.block->scheme, job.source_dtype);
}

std::uint64_t BlockWork::do_step(std::uint64_t number, Bytes memory, const std::function<bool()>& is_futile) {
    Slot& slot = slots_[number];
    if (reader_) return restore_step(number, memory, slot);
    const BlockStep& step = steps_[number];
    Buffers buffers(memory, job_.block->scheme, job_.source_dtype);
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
    const std::vector<float>& all = job_.block->weights;
    const bool by_columns = job_.block->scheme.axis == OutputAxis::k1;
    const float* const weights = all.empty() ? nullptr : all.data() + (by_columns ? place.row : place.column);
    std::uint64_t i = 0;
    if (quant::make_states(job_.block->scheme, tile, weights, blocks, i)) return;
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

std::uint64_t BlockWork::restore_step(std::uint64_t number, Bytes memory, Slot& slot) {
    const std::uint64_t start = number * kRestoreStepElements;
    const std::uint64_t stop = std::min(start + kRestoreStepElements, job_.block->elements);
    float* const values = take_memory<float>(memory, kRestoredElements);
    const Bytes scratch(take_memory<std::byte>(memory, kRestoredElements + 16), kRestoredElements + 16);
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
