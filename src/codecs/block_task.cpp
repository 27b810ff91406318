// The steps of a piece, in order: read (or map) a tile, hash it, find the ranges of its blocks,
// make the states and settle them, make the codes and hand them to the derived task. Large domains
// come twice: ranges are merged under a lock, and the steps that make codes wait for them.
#include "codecs/block_task.hpp"

#include <algorithm>

#include "base/checked.hpp"
#include "codecs/block_pass.hpp"
#include "quant/search_tile.hpp"

namespace octet::codecs {
namespace {

/// How far ahead a domain of many tiles is asked for when codes are made: it has left the
/// second-level cache by then.
constexpr std::uint64_t kDomainAheadBytes = 8192;

bool is_in_order(const BlockLayout& layout) {
    const bool one_row_tiles =
        layout.tile_rows == 1 && (!layout.down_first || layout.matrix.rows == 1);
    return layout.tiles_across == 1 || one_row_tiles;
}

}  // namespace

BlockTask::BlockTask(const QuantizeJob& quantize_job, const pipeline::Stretch& from,
                     const pipeline::Stretch& to, bool wants_checksums)
    : TensorTask(from, to, wants_checksums), job(quantize_job) {}

BlockTask::~BlockTask() = default;

bool BlockTask::searches_ahead() const noexcept {
    return quant::searches_ahead(job.scheme, quant::matrix_of(job.scheme, job.shape));
}

std::uint64_t BlockTask::memory_needed() const {
    if (is_one_tile()) return one_tile_needs().byte_count();
    return needs_of(layout_of(job.scheme, job.dtype, job.shape, job.name)).byte_count();
}

/// True of a plain tensor of one tile: it is one piece and one step, and needs no work plan.
bool BlockTask::is_one_tile() const noexcept {
    return quant::is_plain(job.scheme) && elements() > 0 && elements() <= kTargetTileElements;
}

std::uint64_t BlockTask::elements() const noexcept {
    return source.byte_count / bytes_each(job.dtype);
}

MemoryNeeds BlockTask::one_tile_needs() const noexcept {
    MemoryNeeds needs;
    needs.elements = elements();
    needs.blocks = 1;
    if (job.dtype != Dtype::kF32) needs.raw_bytes = source.byte_count;
    return needs;
}

/// A run may have a hundred thousand tasks of one piece: what that needs is made again for it.
std::uint64_t BlockTask::cut(std::uint64_t memory_bytes) {
    memory_bytes_ = memory_bytes;
    if (is_one_tile()) return 1;
    prepare();
    const std::uint64_t pieces = shared_->pieces.size();
    if (pieces == 1) release();
    return pieces;
}

void BlockTask::release() noexcept {
    shared_.reset();
}

/// Keeps in memory what there is memory for, and shares the steps out.
void BlockTask::prepare() {
    shared_ = std::make_unique<Shared>();
    Shared& all = *shared_;
    all.result.source_pieces.resize(divide_up(source.byte_count, quant::kPieceBytes));
    if (is_one_tile()) {
        all.layout = one_tile_layout(job.scheme, job.dtype, elements());
        all.in_order = true;
        return;
    }
    all.layout = layout_of(job.scheme, job.dtype, job.shape, job.name);
    all.steps = steps_of(all.layout);
    all.sums.resize(all.steps.size());
    all.in_order = is_in_order(all.layout);
    const bool searches =
        quant::needs_search(job.scheme) || job.scheme.range == RangeSearch::kPercentile;
    all.in_place = all.in_order && (!searches || states_ != nullptr);
    all.needs = needs_of(all.layout);
    all.needs.domain_bytes = domain_bytes_of(all.layout);
    if (all.needs.byte_count() > memory_bytes_) all.needs.domain_bytes = 0;
    const bool keeps_domains = all.layout.tiles_per_domain == 1 || all.needs.domain_bytes > 0;
    all.pieces = pieces_of(all.layout, all.steps, {keeps_domains, is_alone(), memory_bytes_});
    all.needs.state_bytes = state_bytes(all);
    if (all.pieces.empty() || all.pieces.front().has_domains) return;
    all.domains = std::vector<Shared::Domain>(all.layout.tiles() / all.layout.tiles_per_domain);
    for (const Step& step : all.steps) {
        Shared::Domain& domain = all.domains[step.domain];
        ++(step.kind == StepKind::kRange ? domain.ranges_left : domain.codes_left);
    }
}

void BlockTask::do_piece(std::uint64_t number, pipeline::Workspace& workspace) {
    if (!shared_) prepare();
    if (is_one_tile()) return do_one_tile(workspace);
    const Shared& all = *shared_;
    const Piece& piece = all.pieces[number];
    const Step& front = all.steps[piece.first_step];
    if (!piece.has_domains && front.kind == StepKind::kCodes) {
        const Shared::Domain& domain = all.domains[front.domain];
        for (std::uint64_t left = domain.ranges_left; left != 0; left = domain.ranges_left)
            domain.ranges_left.wait(left);
        if (workspace.is_cancelled() || is_spoiled()) return;
    }
    Pass pass(workspace, all.needs, job.dtype);
    begin_source(piece, pass);
    begin(pass, all.makes_codes(piece));
    const std::uint64_t size = pass.end - pass.begin;
    if (piece.has_domains) {
        do_mapped(piece, pass);
    } else {
        // One step after the other, as mapped pages count until they are dropped.
        for (std::uint64_t i = 0; i < piece.steps; ++i) {
            const Piece step{piece.first_step + i, 1, false};
            locate(step, pass);
            do_mapped(step, pass);
        }
    }
    if (pass.source) {
        read_rest(*pass.source, pass);
        pass.source->store(shared_->result.source_pieces);
    }
    end(pass, all.makes_codes(piece));
    if (piece.has_domains || front.kind == StepKind::kCodes) workspace.add_progress(size);
}

/// The short road: of a hundred thousand small tensors the work plans would cost as much as the
/// codes.
void BlockTask::do_one_tile(pipeline::Workspace& workspace) {
    Pass pass(workspace, one_tile_needs(), job.dtype);
    pass.end = source.byte_count;
    if (makes_checksums) pass.source.emplace(pass.begin, pass.end, source.byte_count);
    begin(pass, true);
    Shared::Sums sums;
    pass.sums = &sums;
    const auto look = [&](const std::byte* mapped) {
        pass.mapped = mapped;
        code_one_tile(pass);
    };
    if (!workspace.visit_mapped(0, source.byte_count, look)) look(nullptr);
    TensorResult& result = shared_->result;
    result.sums = sums.sums;
    result.bound = sums.bound;
    if (pass.source) pass.source->store(result.source_pieces);
    end(pass, true);
    workspace.add_progress(source.byte_count);
}

void BlockTask::code_one_tile(Pass& pass) {
    const quant::TilePlace place{0, 0, 1, elements()};
    quant::Blocks blocks = pass.arrays;
    blocks.columns_each = place.columns;
    blocks.count = 1;
    quant::clear_ranges(blocks);
    quant::Tile tile;
    look_at(place, source_of(place, pass.raw, pass), blocks, tile, pass);
    code_tile(place, tile, blocks, make_states(place, tile, blocks), pass);
    pass.sums->bound = quant::largest_bound(job.scheme, blocks, job.dtype);
    take_blocks(place, blocks, pass);
    note_state(blocks);
}

/// What these steps go over.
void BlockTask::locate(const Piece& piece, Pass& pass) const {
    const Shared& all = *shared_;
    const Step& front = all.steps[piece.first_step];
    const Step& back = all.steps[piece.first_step + piece.steps - 1];
    pass.begin = all.in_order ? first_byte_of(place_of(all.layout, front.first_tile)) : 0;
    pass.end = pass.begin;
    for (std::uint64_t i = front.first_tile; i < back.first_tile + back.tiles; ++i)
        pass.end += bytes_of(place_of(all.layout, i));
}

/// What a piece goes over, and what of it can be hashed on the way.
void BlockTask::begin_source(const Piece& piece, Pass& pass) const {
    const Shared& all = *shared_;
    const Step& front = all.steps[piece.first_step];
    const Step& back = all.steps[piece.first_step + piece.steps - 1];
    pass.first_tile = front.first_tile;
    pass.last_tile = back.first_tile + back.tiles - 1;
    locate(piece, pass);
    if (all.in_order && makes_checksums && (piece.has_domains || front.kind == StepKind::kRange))
        pass.source.emplace(pass.begin, pass.end, source.byte_count);
}

/// Looks at the source where it is mapped, if that can be.
void BlockTask::do_mapped(const Piece& piece, Pass& pass) {
    const auto look = [&](const std::byte* mapped) {
        pass.mapped = mapped;
        do_steps(piece, pass);
    };
    const bool looked =
        shared_->in_place && pass.workspace.visit_mapped(pass.begin, pass.end - pass.begin, look);
    if (!looked) look(nullptr);
    pass.mapped = nullptr;
}

void BlockTask::do_steps(const Piece& piece, Pass& pass) {
    const Shared& all = *shared_;
    for (std::uint64_t i = piece.first_step; i < piece.first_step + piece.steps; ++i) {
        const Step& step = all.steps[i];
        pass.sums = &shared_->sums[i];
        if (step.kind == StepKind::kWhole) {
            const std::uint64_t each = all.layout.tiles_per_domain;
            for (std::uint64_t done = 0; done < step.tiles; done += each) {
                const Step one = {step.kind, step.first_tile + done, each,
                                  step.domain + done / each};
                do_domain(one.first_tile, {&one, 1}, pass);
            }
        } else if (!piece.has_domains) {
            if (step.kind == StepKind::kRange) range_step(step, pass);
            if (step.kind == StepKind::kCodes) codes_step(step, pass);
        } else if (step.kind == StepKind::kCodes) {
            const std::uint64_t left = piece.first_step + piece.steps - i;
            return do_domain(step.first_tile, {&all.steps[i], left}, pass);
        }
    }
}

void BlockTask::settled(std::uint64_t number) {
    if (!shared_ || shared_->domains.empty()) return;
    const Step& step = shared_->steps[shared_->pieces[number].first_step];
    if (step.kind != StepKind::kRange) return;
    std::atomic<std::uint64_t>& left = shared_->domains[step.domain].ranges_left;
    if (left.fetch_sub(1) == 1) left.notify_all();
}

void BlockTask::finish(pipeline::PieceChecksums stored) {
    TensorResult& result = shared_->result;
    for (const Shared::Sums& step : shared_->sums) {
        result.sums.merge(step.sums);
        result.bound = std::max(result.bound, step.bound);
    }
    result.stored_pieces = std::move(stored);
    take_result(std::move(result));
}

/// A tensor's own state goes to the sidecar.
void BlockTask::note_state(const quant::Blocks& blocks) {
    if (!quant::has_state_tensors(job.scheme))
        shared_->result.state = {blocks.scale[0], blocks.zero_point[0]};
}

std::uint8_t* BlockTask::room_for_codes(const quant::TilePlace& /*place*/, Pass& pass) {
    return pass.codes;
}

void BlockTask::put_codes(const formats::TensorEncoder& encoder, quant::TilePlace place,
                          std::uint8_t* codes, formats::ByteSink& sink) const {
    const std::uint64_t stop = place.row + place.rows;
    if (place.columns != shared_->layout.matrix.columns) place.rows = 1;
    for (; place.row < stop; place.row += place.rows, codes += place.rows * place.columns) {
        if (!encoder.stores_bytes()) encoder.encode_codes(place, codes, codes);
        sink.put(encoder.code_offset(place),
                 {reinterpret_cast<const std::byte*>(codes), encoder.code_bytes(place)});
    }
}

/// The codes of one tile, and what becomes of them.
void BlockTask::code_tile(const quant::TilePlace& place, const quant::Tile& tile,
                          const quant::Blocks& blocks, quant::SumFactors factors, Pass& pass) {
    std::uint8_t* const codes = room_for_codes(place, pass);
    pass.sums->sums.merge(quant::quantize_tile(job.scheme, tile, blocks, factors, codes));
    take_codes(place, codes, pass);
}

/// A whole domain from `first_tile` on; its codes are made in `codes`, steps from pass.sums on.
void BlockTask::do_domain(std::uint64_t first_tile, std::span<const Step> codes, Pass& pass) {
    const BlockLayout& layout = shared_->layout;
    const std::uint64_t each = layout.tiles_per_domain;
    const quant::TilePlace front = place_of(layout, first_tile);
    const quant::TilePlace back = place_of(layout, first_tile + each - 1);
    const std::uint64_t rows = back.row + back.rows - front.row;
    const std::uint64_t columns = back.column + back.columns - front.column;
    const quant::Blocks blocks = pass.blocks_of(layout.grid, rows, columns);
    quant::clear_ranges(blocks);
    const bool kept = shared_->needs.domain_bytes > 0 || pass.mapped != nullptr;
    quant::Tile tile;
    std::uint64_t at = 0;
    for (std::uint64_t i = 0; i < each; ++i) {
        const quant::TilePlace place = place_of(layout, first_tile + i);
        const ConstBytes bytes = source_of(place, pass.raw + (kept ? at : 0), pass);
        look_at(place, bytes, blocks, tile, pass);
        at += bytes.size();
    }
    const quant::SumFactors factors = make_states(front, tile, blocks);
    Shared::Sums& first_sums = *pass.sums;
    at = 0;
    for (const Step& step : codes) {
        for (std::uint64_t i = 0; i < step.tiles; ++i) {
            const quant::TilePlace place = place_of(layout, step.first_tile + i);
            const std::uint64_t size = bytes_of(place);
            if (each > 1 && pass.mapped == nullptr && kept) {
                tile = tile_of(place, {pass.raw + at, size}, pass);
            } else if (each > 1) {
                tile = tile_of(place, source_of(place, pass.raw, pass), pass);
            }
            tile.ahead = each == 1 ? next_tile_ahead(place, pass) : kDomainAheadBytes;
            code_tile(place, tile, blocks, factors, pass);
            at += size;
        }
        ++pass.sums;
    }
    pass.sums = &first_sums;
    first_sums.bound =
        std::max(first_sums.bound, quant::largest_bound(job.scheme, blocks, job.dtype));
    take_blocks({front.row, front.column, rows, columns}, blocks, pass);
    note_state(blocks);
}

void BlockTask::range_step(const Step& step, Pass& pass) {
    const BlockLayout& layout = shared_->layout;
    quant::Blocks blocks;
    quant::Tile tile;
    for (std::uint64_t i = 0; i < step.tiles; ++i) {
        const quant::TilePlace place = place_of(layout, step.first_tile + i);
        if (i == 0) {
            blocks = pass.blocks_of(layout.grid, place.rows, place.columns);
            quant::clear_ranges(blocks);
        }
        look_at(place, source_of(place, pass.raw, pass), blocks, tile, pass);
    }
    Shared::Domain& domain = shared_->domains[step.domain];
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

void BlockTask::codes_step(const Step& step, Pass& pass) {
    const BlockLayout& layout = shared_->layout;
    Shared::Domain& domain = shared_->domains[step.domain];
    const quant::TilePlace front = place_of(layout, step.domain * layout.tiles_per_domain);
    quant::Blocks blocks = pass.blocks_of(layout.grid, front.rows, front.columns);
    std::copy(domain.min.begin(), domain.min.end(), blocks.min);
    std::copy(domain.max.begin(), domain.max.end(), blocks.max);
    const quant::SumFactors factors = make_states(front, {}, blocks);
    for (std::uint64_t i = 0; i < step.tiles; ++i) {
        const quant::TilePlace place = place_of(layout, step.first_tile + i);
        quant::Tile tile = tile_of(place, source_of(place, pass.raw, pass), pass);
        tile.ahead = kDomainAheadBytes;
        code_tile(place, tile, blocks, factors, pass);
    }
    if (step.first_tile == step.domain * layout.tiles_per_domain) {
        pass.sums->bound = quant::largest_bound(job.scheme, blocks, job.dtype);
        take_blocks(front, blocks, pass);
        note_state(blocks);
    }
    if (domain.codes_left.fetch_sub(1) != 1) return;
    domain.min = {};
    domain.max = {};
}

}  // namespace octet::codecs
