#include "run/block_work.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/active_kernels.hpp"
#include "quant/search_tile.hpp"
#include "quant/values.hpp"
#include "run/block_pass.hpp"

namespace octet::run {
namespace {

/// Elements that are restored at a time, and in one step.
constexpr std::uint64_t kRestoredElements = 128U << 10U;
constexpr std::uint64_t kRestoreStepElements = 1U << 20U;

/// How far ahead a domain of many tiles is asked for when codes are made: it has left the second-level cache by then.
constexpr std::uint64_t kDomainAheadBytes = 8192;

/// The checksum of the checksums of all pieces; false where some of them are missing.
bool settle_checksum(const std::vector<std::optional<Checksum>>& pieces, Checksum& checksum) {
    std::vector<Checksum> known;
    for (const auto& piece : pieces) {
        if (!piece) return false;
        known.push_back(*piece);
    }
    checksum = quant::checksum_of_pieces(known);
    return true;
}

}  // namespace

BlockWork::BlockWork(TensorJob& job, const BlockRoad& road) : job_(job), road_(road) {
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
    settle_memory();
    if (job.codec == Codec::kQuantizeBlocks) {
        source_pieces_.resize(divide_up(job.source_bytes(), quant::kPieceBytes));
        stored_pieces_.resize(divide_up(offset - job.target_offset, quant::kPieceBytes));
        if (in_order_ && tasks_.size() > 1)
            stretch_ = road_.output.hash_stretch(*job.target, job.target_offset, offset - job.target_offset);
        for (const BlockTask& task : tasks_) codes_left_ += makes_codes(task) ? 1 : 0;
    }
    if (tasks_.empty() || tasks_.front().has_domains) return;
    domains_ = std::vector<Domain>(layout_.tiles() / layout_.tiles_per_domain);
    for (const BlockStep& step : steps_) {
        Domain& domain = domains_[step.domain];
        ++(step.kind == BlockStepKind::kRange ? domain.ranges_left : domain.codes_left);
    }
}

/// Keeps in memory what there is memory for, and shares the steps out.
void BlockWork::settle_memory() {
    const bool one_row_tiles = layout_.tile_rows == 1 && (!layout_.down_first || layout_.matrix.rows == 1);
    in_order_ = layout_.tiles_across == 1 || one_row_tiles;
    const Scheme& scheme = layout_.scheme;
    const bool searches = quant::needs_search(scheme) || scheme.range == RangeSearch::kPercentile;
    in_place_ = in_order_ && (!searches || !job_.block->extra().states.empty());
    needs_ = needs_of(layout_);
    needs_.domain_bytes = domain_bytes_of(layout_);
    if (needs_.byte_count() > road_.memory_bytes) needs_.domain_bytes = 0;
    const bool keeps_domains = layout_.tiles_per_domain == 1 || needs_.domain_bytes > 0;
    const bool alone = job_.codec == Codec::kCheckBlocks;
    tasks_ = block_tasks(layout_, steps_, keeps_domains, alone, road_.memory_bytes);
    if (job_.codec != Codec::kQuantizeBlocks || parts_.size() == 1) return;
    keeps_states_ = tasks_.size() == 1 && in_order_;
    for (std::size_t part = 1; keeps_states_ && part < parts_.size(); ++part)
        needs_.state_bytes += parts_[part].byte_count;
    keeps_states_ = keeps_states_ && needs_.byte_count() <= road_.memory_bytes;
    if (keeps_states_) return;
    needs_.state_bytes = Pass::kStateRuns * Pass::kRunBytes;
    if (needs_.byte_count() > road_.memory_bytes) needs_.state_bytes = 0;
}

bool BlockWork::makes_codes(const BlockTask& task) const noexcept {
    return task.has_domains || steps_[task.first_step].kind == BlockStepKind::kCodes;
}

std::uint64_t BlockWork::tasks() const noexcept {
    return reader_ ? slots_.size() : tasks_.size();
}

std::uint64_t BlockWork::memory_bytes(const TensorJob& job) {
    if (job.codec == Codec::kRestoreBlocks) return kRestoredElements * (sizeof(float) + 1) + 1024;
    return needs_of(layout_of(job.block->scheme, job.source_dtype, *job.shape, job.name)).byte_count();
}

std::uint64_t BlockWork::do_task(std::uint64_t number, Bytes memory, const std::function<bool()>& is_futile) {
    if (reader_) return restore_step(number, memory, slots_[number]);
    const BlockTask& task = tasks_[number];
    const BlockStep& front = steps_[task.first_step];
    if (!task.has_domains && front.kind == BlockStepKind::kCodes) {
        Domain& domain = domains_[front.domain];
        for (std::uint64_t left = domain.ranges_left; left != 0; left = domain.ranges_left)
            domain.ranges_left.wait(left);
        if (is_futile()) return 0;
    }
    keep_states();
    Pass pass(memory, needs_, job_.source_dtype);
    begin(task, pass);
    const auto look = [&](const std::byte* mapped) {
        pass.mapped = mapped;
        do_steps(task, pass);
    };
    const std::uint64_t size = pass.end - pass.begin;
    if (!in_place_ || !road_.reader.visit_mapped(*job_.source, job_.source_offset + pass.begin, size, memory, look))
        look(nullptr);
    pass.mapped = nullptr;
    end(pass);
    if (makes_codes(task)) hand_on_states();
    return !task.has_domains && front.kind == BlockStepKind::kRange ? 0 : size;
}

/// What a task goes over, and what it can do on the way.
void BlockWork::begin(const BlockTask& task, Pass& pass) const {
    const BlockStep& front = steps_[task.first_step];
    const BlockStep& back = steps_[task.first_step + task.steps - 1];
    const TilePlace first = place_of(layout_, front.first_tile);
    for (std::uint64_t i = front.first_tile; i < back.first_tile + back.tiles; ++i)
        pass.end += bytes_of(place_of(layout_, i));
    if (!in_order_) return;
    pass.begin = first_byte_of(first);
    pass.end += pass.begin;
    if (job_.codec != Codec::kQuantizeBlocks) return;
    if (task.has_domains || front.kind == BlockStepKind::kRange)
        pass.source.emplace(pass.begin, pass.end, job_.source_bytes());
    if (!makes_codes(task)) return;
    pass.output.emplace(road_.output, job_.target, offsets_[0] + code_offset_of(layout_, first));
    if (tasks_.size() == 1 && (parts_.size() == 1 || keeps_states_)) pass.written.emplace();
}

void BlockWork::do_steps(const BlockTask& task, Pass& pass) {
    for (std::uint64_t i = task.first_step; i < task.first_step + task.steps; ++i) {
        const BlockStep& step = steps_[i];
        if (step.kind == BlockStepKind::kWhole) {
            const std::uint64_t each = layout_.tiles_per_domain;
            for (std::uint64_t done = 0; done < step.tiles; done += each) {
                const BlockStep one = {step.kind, step.first_tile + done, each, step.domain + done / each};
                do_domain(one.first_tile, {&one, 1}, &slots_[i], pass);
            }
        } else if (!task.has_domains) {
            if (step.kind == BlockStepKind::kRange) range_step(step, pass);
            if (step.kind == BlockStepKind::kCodes) codes_step(step, slots_[i], pass);
        } else if (step.kind == BlockStepKind::kCodes) {
            const std::uint64_t left = task.first_step + task.steps - i;
            return do_domain(step.first_tile, {&steps_[i], left}, &slots_[i], pass);
        }
    }
}

/// Everything has come by: what the hashes still lack, and the state tensors behind the codes.
void BlockWork::end(Pass& pass) {
    for (std::size_t part = 1; part < parts_.size(); ++part) write_run(part, pass);
    if (pass.source) {
        read_rest(*pass.source, pass);
        pass.source->store(source_pieces_);
    }
    if (!pass.output) return;
    if (keeps_states_) copy_to(*pass.output, pass.states, pass.written ? &*pass.written : nullptr);
    pass.output->finish();
    if (!pass.written) return;
    std::size_t number = 0;
    for (const Checksum& piece : pass.written->take_pieces()) stored_pieces_[number++] = piece;
}

void BlockWork::settled(std::uint64_t number) {
    if (reader_ || tasks_[number].has_domains) return;
    const BlockStep& step = steps_[tasks_[number].first_step];
    if (step.kind != BlockStepKind::kRange) return;
    std::atomic<std::uint64_t>& left = domains_[step.domain].ranges_left;
    if (left.fetch_sub(1) == 1) left.notify_all();
}

void BlockWork::finish() {
    BlockJob& block = *job_.block;
    for (const Slot& slot : slots_) {
        job_.sums.merge(slot.sums);
        block.bound = std::max(block.bound, slot.bound);
        if (slot.first_difference && !block.extra().first_difference)
            block.make_extra().first_difference = slot.first_difference;
        kernels::Narrowing& all = job_.narrowing;
        all.max_abs_difference = std::max(all.max_abs_difference, slot.narrowing.max_abs_difference);
    }
    if (job_.codec != Codec::kQuantizeBlocks) return;
    if (stretch_) stored_pieces_ = road_.output.take_stretch(*stretch_);
    if (!settle_checksum(source_pieces_, job_.source_checksum))
        block.make_extra().source_pieces = std::move(source_pieces_);
    if (!settle_checksum(stored_pieces_, job_.stored_checksum))
        block.make_extra().stored_pieces = std::move(stored_pieces_);
}

/// A tensor's own state goes to the sidecar.
void BlockWork::note_state(const quant::Blocks& blocks) {
    if (!quant::has_state_tensors(job_.block->scheme)) job_.block->state = {blocks.scale[0], blocks.zero_point[0]};
}

/// The codes of one tile, and what becomes of them.
void BlockWork::code_tile(const TilePlace& place, const quant::Tile& tile, const quant::Blocks& blocks,
                          quant::SumFactors factors, Slot& slot, Pass& pass) {
    // Codes that fill bytes are made where they are handed on.
    const bool hands_on = pass.output && job_.block->scheme.bits == 8;
    std::uint8_t* codes = pass.codes;
    if (hands_on) codes = reinterpret_cast<std::uint8_t*>(pass.output->next(place.rows * place.columns).data());
    slot.sums.merge(quant::quantize_tile(job_.block->scheme, tile, blocks, factors, codes));
    write_codes(place, codes, slot, pass);
}

/// A whole domain from `first_tile` on; its codes are made in `codes`, steps with a slot each.
void BlockWork::do_domain(std::uint64_t first_tile, std::span<const BlockStep> codes, Slot* slots, Pass& pass) {
    const std::uint64_t each = layout_.tiles_per_domain;
    const TilePlace front = place_of(layout_, first_tile);
    const TilePlace back = place_of(layout_, first_tile + each - 1);
    const std::uint64_t rows = back.row + back.rows - front.row;
    const std::uint64_t columns = back.column + back.columns - front.column;
    const quant::Blocks blocks = pass.blocks_of(layout_.grid, rows, columns);
    quant::clear_ranges(blocks);
    const bool kept = needs_.domain_bytes > 0 || pass.mapped != nullptr;
    quant::Tile tile;
    std::uint64_t at = 0;
    for (std::uint64_t i = 0; i < each; ++i) {
        const TilePlace place = place_of(layout_, first_tile + i);
        const ConstBytes source = source_of(place, pass.raw + (kept ? at : 0), pass);
        if (pass.source) pass.source->add(source);
        tile = tile_of(place, source, pass);
        add_ranges(place, tile, source, blocks);
        at += source.size();
    }
    const quant::SumFactors factors = make_states(front, tile, blocks);
    at = 0;
    for (std::size_t number = 0; number < codes.size(); ++number) {
        for (std::uint64_t i = 0; i < codes[number].tiles; ++i) {
            const TilePlace place = place_of(layout_, codes[number].first_tile + i);
            const std::uint64_t size = bytes_of(place);
            if (each > 1 && pass.mapped == nullptr && kept) {
                tile = tile_of(place, {pass.raw + at, size}, pass);
            } else if (each > 1) {
                tile = tile_of(place, source_of(place, pass.raw, pass), pass);
            }
            tile.ahead = each == 1 ? next_tile_ahead(place, pass) : kDomainAheadBytes;
            code_tile(place, tile, blocks, factors, slots[number], pass);
            at += size;
        }
    }
    slots->bound = std::max(slots->bound, quant::largest_bound(job_.block->scheme, blocks, job_.source_dtype));
    write_states({front.row, front.column, rows, columns}, blocks, *slots, pass);
    note_state(blocks);
}

void BlockWork::range_step(const BlockStep& step, Pass& pass) {
    quant::Blocks blocks;
    for (std::uint64_t i = 0; i < step.tiles; ++i) {
        const TilePlace place = place_of(layout_, step.first_tile + i);
        if (i == 0) {
            blocks = pass.blocks_of(layout_.grid, place.rows, place.columns);
            quant::clear_ranges(blocks);
        }
        const ConstBytes source = source_of(place, pass.raw, pass);
        if (pass.source) pass.source->add(source);
        add_ranges(place, tile_of(place, source, pass), source, blocks);
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

void BlockWork::codes_step(const BlockStep& step, Slot& slot, Pass& pass) {
    Domain& domain = domains_[step.domain];
    const TilePlace front = place_of(layout_, step.domain * layout_.tiles_per_domain);
    quant::Blocks blocks = pass.blocks_of(layout_.grid, front.rows, front.columns);
    std::copy(domain.min.begin(), domain.min.end(), blocks.min);
    std::copy(domain.max.begin(), domain.max.end(), blocks.max);
    const quant::SumFactors factors = make_states(front, {}, blocks);
    for (std::uint64_t i = 0; i < step.tiles; ++i) {
        const TilePlace place = place_of(layout_, step.first_tile + i);
        code_tile(place, tile_of(place, source_of(place, pass.raw, pass), pass), blocks, factors, slot, pass);
    }
    if (step.first_tile == step.domain * layout_.tiles_per_domain) {
        slot.bound = quant::largest_bound(job_.block->scheme, blocks, job_.source_dtype);
        write_states(front, blocks, slot, pass);
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
    OutputStream output(road_.output, job_.target, job_.target_offset + start * each);
    for (std::uint64_t first = start; first < stop; first += kRestoredElements) {
        const std::uint64_t count = std::min(kRestoredElements, stop - first);
        const Bytes room = output.next(count * each);
        const bool is_f32 = job_.target_dtype == Dtype::kF32;
        const std::span<float> part(is_f32 ? reinterpret_cast<float*>(room.data()) : values, count);
        reader_->read(first, part, scratch);
        if (!is_f32) quant::convert_values(Dtype::kF32, std::as_bytes(part), job_.target_dtype, room, slot.narrowing);
        throw_if_overflowed(job_, slot.narrowing);
    }
    output.finish();
    const std::uint64_t bytes = job_.source_bytes();
    const std::uint64_t steps = slots_.size();
    return number + 1 == steps ? bytes - bytes / steps * (steps - 1) : bytes / steps;
}

}  // namespace octet::run
