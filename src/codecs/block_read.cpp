// How the tiles of a tensor done in blocks come into memory, and what their values say before any
// code is made.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/text.hpp"
#include "codecs/block_pass.hpp"
#include "octet/error.hpp"
#include "quant/finite_state.hpp"
#include "quant/values.hpp"

namespace octet::codecs {

/// In the source tensor.
std::uint64_t BlockTask::first_byte_of(const quant::TilePlace& place) const noexcept {
    return (place.row * shared_->layout.matrix.columns + place.column) * bytes_each(job.dtype);
}

std::uint64_t BlockTask::bytes_of(const quant::TilePlace& place) const noexcept {
    return place.rows * place.columns * bytes_each(job.dtype);
}

/// The tile as the source stores it: where it is mapped, or read into `memory`.
ConstBytes BlockTask::source_of(const quant::TilePlace& place, std::byte* memory,
                                const Pass& pass) const {
    const std::uint64_t size = bytes_of(place);
    if (pass.mapped != nullptr) return {pass.mapped + (first_byte_of(place) - pass.begin), size};
    const bool whole_rows = place.columns == shared_->layout.matrix.columns;
    const std::uint64_t pieces = whole_rows ? 1 : place.rows;
    for (std::uint64_t i = 0; i < pieces; ++i) {
        const std::uint64_t at = first_byte_of({place.row + i, place.column});
        pass.workspace.read_source(at, {memory + i * (size / pieces), size / pieces});
    }
    return {memory, size};
}

/// Where the tile behind this one is mapped: how far ahead, its pages looked at, so that its values
/// can be fetched; else 0. Large tiles would drive each other out of the second-level cache.
std::uint64_t BlockTask::next_tile_ahead(const quant::TilePlace& place, const Pass& pass) const {
    constexpr std::uint64_t kMappedAtOnce = 64U << 10U;
    constexpr std::uint64_t kMostFetchedBytes = 320U << 10U;
    const std::uint64_t size = bytes_of(place);
    const std::uint64_t next = first_byte_of(place) + size;
    if (pass.mapped == nullptr || job.dtype != Dtype::kF32 || next + size > pass.end) return 0;
    if (size > kMostFetchedBytes) return 0;
    const volatile std::byte* const bytes = pass.mapped + (next - pass.begin);
    for (std::uint64_t at = 0; at < size; at += kMappedAtOnce) static_cast<void>(bytes[at]);
    return size;
}

quant::Tile BlockTask::tile_of(const quant::TilePlace& place, ConstBytes bytes, Pass& pass) const {
    quant::Tile tile = {place.rows, place.columns, bytes.data(), nullptr};
    if (job.dtype == Dtype::kF32) return tile;
    kernels::Narrowing exact{};
    quant::convert_values(
        job.dtype, bytes, Dtype::kF32,
        std::as_writable_bytes(std::span(pass.values, place.rows * place.columns)), exact);
    tile.values = pass.values;
    if (job.dtype == Dtype::kF64) tile.exact = bytes.data();
    return tile;
}

/// Extends the ranges by a tile, and the source's checksums; one pass over the values does both
/// where they have one range.
void BlockTask::look_at(const quant::TilePlace& place, ConstBytes bytes,
                        const quant::Blocks& blocks, quant::Tile& tile, Pass& pass) const {
    if (pass.source && blocks.count == 1 && job.dtype == Dtype::kF32) {
        kernels::Range range{blocks.min[0], blocks.max[0], true};
        if (pass.source->add_values(bytes, range)) {
            if (!range.finite) refuse_not_finite(place, bytes);
            blocks.min[0] = range.min;
            blocks.max[0] = range.max;
            tile = tile_of(place, bytes, pass);
            return;
        }
    }
    if (pass.source) pass.source->add(bytes);
    tile = tile_of(place, bytes, pass);
    if (!quant::add_ranges(tile, blocks)) refuse_not_finite(place, bytes);
}

void BlockTask::refuse_not_finite(const quant::TilePlace& place, ConstBytes bytes) const {
    const auto found = quant::first_non_finite(job.dtype, bytes);
    const std::uint64_t at = found ? found->element : 0;
    const std::uint64_t element =
        (place.row + at / place.columns) * shared_->layout.matrix.columns + place.column +
        at % place.columns;
    const double value = found ? found->value : NAN;
    const std::string_view what =
        std::isfinite(value) ? "finite but beyond float32" : "not a finite float32";
    throw Error(
        ErrorCode::kBadInput, printable(source.file->name()),
        fmt::format(
            "tensor {} holds {} at {}, which is {}; --on-non-finite keep copies such tensors",
            in_quotes(job.name), value, index_text(element, job.shape), what));
}

/// The states that were found before; false where one overflows, whose number is left in
/// `overflowed`.
bool BlockTask::known_states(const quant::TilePlace& place, const quant::Blocks& blocks,
                             std::uint64_t& overflowed) const {
    const quant::BlockGrid& grid = shared_->layout.grid;
    for (std::uint64_t i = 0; i < blocks.count; ++i) {
        const std::uint64_t row = grid.row_of(place.row) + i / blocks.across;
        const std::uint64_t column = place.column / grid.columns_each + i % blocks.across;
        const quant::BlockState& state = (*states_)[row * grid.across + column];
        blocks.scale[i] = state.scale;
        blocks.zero_point[i] = state.zero_point;
        overflowed = i;
        if (std::isinf(state.scale)) return false;
    }
    return true;
}

/// Those of the inputs of a tile: of a batch each matrix may have its own.
const float* BlockTask::weights_of(const quant::TilePlace& place) const noexcept {
    const quant::Matrix& matrix = shared_->layout.matrix;
    const bool by_columns = job.scheme.axis == OutputAxis::k1;
    const std::uint64_t inputs = by_columns ? matrix.rows : matrix.columns;
    const std::uint64_t first = job.weights.size() > inputs ? place.row / matrix.rows * inputs : 0;
    return job.weights.data() + first + (by_columns ? place.row % matrix.rows : place.column);
}

/// States under which every value comes back finite, and the factors of the sums that go with them.
quant::SumFactors BlockTask::make_states(const quant::TilePlace& place, const quant::Tile& tile,
                                         const quant::Blocks& blocks) const {
    const float* const weights = job.weights.empty() ? nullptr : weights_of(place);
    std::uint64_t i = 0;
    const bool known = states_ != nullptr;
    if (!(known ? known_states(place, blocks, i)
                : quant::make_states(job.scheme, tile, weights, blocks, i))) {
        const bool is_f32 = job.scheme.scale_dtype == ScaleDtype::kF32;
        refuse_block(place, blocks, i,
                     is_f32 ? "overflows float32" : "overflows its scale's dtype");
    }
    quant::SumFactors factors = quant::sum_factors(blocks);
    i = quant::settle_states(job.scheme, blocks, job.dtype, factors);
    if (i < blocks.count)
        refuse_block(place, blocks, i,
                     fmt::format("would come back as an infinite {}", dtype_name(job.dtype)));
    return factors;
}

void BlockTask::refuse_block(const quant::TilePlace& place, const quant::Blocks& blocks,
                             std::uint64_t block, std::string_view what) const {
    const std::string spans = fmt::format("tensor {} spans {} to {}", in_quotes(job.name),
                                          blocks.min[block], blocks.max[block]);
    if (quant::is_plain(job.scheme))
        throw Error(ErrorCode::kBadInput, printable(source.file->name()),
                    fmt::format("{}, a range that {}; --on-non-finite keep copies such tensors",
                                spans, what));
    const std::uint64_t row = place.row + block / blocks.across * blocks.rows_each;
    const std::uint64_t column = place.column + block % blocks.across * blocks.columns_each;
    throw Error(
        ErrorCode::kBadInput, printable(source.file->name()),
        fmt::format("{} in the block at {}, which {}; --on-non-finite keep copies such tensors, "
                    "another scheme has "
                    "another range",
                    spans, index_text(row * shared_->layout.matrix.columns + column, job.shape),
                    what));
}

/// The last piece of a checksum may end behind what a worker does in one go.
void BlockTask::read_rest(pipeline::SourcePieces& pieces, Pass& pass) const {
    while (pieces.missing() > 0) {
        const std::uint64_t size = std::min<std::uint64_t>(pieces.missing(), pass.elements);
        const Bytes part(reinterpret_cast<std::byte*>(pass.codes), size);
        pass.workspace.read_source(pieces.next(), part);
        pieces.add(part);
    }
}

}  // namespace octet::codecs
