// How the tiles of a tensor done in blocks come into memory, and what their values say before any code is made.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/finite_state.hpp"
#include "quant/values.hpp"
#include "run/block_pass.hpp"

namespace octet::run {

/// In the source tensor.
std::uint64_t BlockWork::first_byte_of(const TilePlace& place) const noexcept {
    return (place.row * layout_.matrix.columns + place.column) * bytes_each(job_.source_dtype);
}

std::uint64_t BlockWork::bytes_of(const TilePlace& place) const noexcept {
    return place.rows * place.columns * bytes_each(job_.source_dtype);
}

/// The tile as the source stores it: where it is mapped, or read into `memory`.
ConstBytes BlockWork::source_of(const TilePlace& place, std::byte* memory, const Pass& pass) const {
    const std::uint64_t size = bytes_of(place);
    if (pass.mapped != nullptr) return {pass.mapped + (first_byte_of(place) - pass.begin), size};
    const bool whole_rows = place.columns == layout_.matrix.columns;
    const std::uint64_t pieces = whole_rows ? 1 : place.rows;
    for (std::uint64_t i = 0; i < pieces; ++i) {
        const std::uint64_t at = first_byte_of({place.row + i, place.column});
        job_.source->read_at({memory + i * (size / pieces), size / pieces}, job_.source_offset + at);
    }
    return {memory, size};
}

/// Where the tile behind this one is mapped: how far ahead, its pages looked at, so that its values can be fetched; else 0. Large tiles would
/// drive each other out of the second-level cache.
std::uint64_t BlockWork::next_tile_ahead(const TilePlace& place, const Pass& pass) const {
    constexpr std::uint64_t kMappedAtOnce = 64U << 10U;
    constexpr std::uint64_t kMostFetchedBytes = 320U << 10U;
    const std::uint64_t size = bytes_of(place);
    const std::uint64_t next = first_byte_of(place) + size;
    if (pass.mapped == nullptr || job_.source_dtype != Dtype::kF32 || next + size > pass.end) return 0;
    if (size > kMostFetchedBytes) return 0;
    const volatile std::byte* const bytes = pass.mapped + (next - pass.begin);
    for (std::uint64_t at = 0; at < size; at += kMappedAtOnce) static_cast<void>(bytes[at]);
    return size;
}

quant::Tile BlockWork::tile_of(const TilePlace& place, ConstBytes source, Pass& pass) const {
    quant::Tile tile = {place.rows, place.columns, source.data(), nullptr};
    if (job_.source_dtype == Dtype::kF32) return tile;
    kernels::Narrowing exact{};
    quant::convert_values(job_.source_dtype, source, Dtype::kF32,
                          std::as_writable_bytes(std::span(pass.values, place.rows * place.columns)), exact);
    tile.values = pass.values;
    if (job_.source_dtype == Dtype::kF64) tile.exact = source.data();
    return tile;
}

void BlockWork::add_ranges(const TilePlace& place, const quant::Tile& tile, ConstBytes source,
                           const quant::Blocks& blocks) const {
    if (quant::add_ranges(tile, blocks)) return;
    const auto found = quant::first_non_finite(job_.source_dtype, source);
    const std::uint64_t at = found ? found->element : 0;
    const std::uint64_t element =
        (place.row + at / tile.columns) * layout_.matrix.columns + place.column + at % tile.columns;
    throw_not_finite(job_, found ? found->value : NAN, element);
}

/// The states that were found before; false where one overflows, whose number is left in `overflowed`.
bool BlockWork::take_states(const TilePlace& place, const quant::Blocks& blocks, std::uint64_t& overflowed) const {
    const quant::BlockGrid& grid = layout_.grid;
    for (std::uint64_t i = 0; i < blocks.count; ++i) {
        const std::uint64_t row = place.row / grid.rows_each + i / blocks.across;
        const std::uint64_t column = place.column / grid.columns_each + i % blocks.across;
        const quant::BlockState& state = job_.block->extra().states[row * grid.across + column];
        blocks.scale[i] = state.scale;
        blocks.zero_point[i] = state.zero_point;
        overflowed = i;
        if (std::isinf(state.scale)) return false;
    }
    return true;
}

/// States under which every value comes back finite, and the factors of the sums that go with them.
quant::SumFactors BlockWork::make_states(const TilePlace& place, const quant::Tile& tile,
                                         const quant::Blocks& blocks) const {
    const Scheme& scheme = job_.block->scheme;
    const std::vector<float>& all = job_.block->extra().weights;
    const bool by_columns = scheme.axis == OutputAxis::k1;
    const float* const weights = all.empty() ? nullptr : all.data() + (by_columns ? place.row : place.column);
    std::uint64_t i = 0;
    const bool known = !job_.block->extra().states.empty();
    if (!(known ? take_states(place, blocks, i) : quant::make_states(scheme, tile, weights, blocks, i))) {
        const bool is_f32 = scheme.scale_dtype == ScaleDtype::kF32;
        refuse_block(place, blocks, i, is_f32 ? "overflows float32" : "overflows its scale's dtype");
    }
    quant::SumFactors factors = quant::sum_factors(blocks);
    i = quant::settle_states(scheme, blocks, job_.source_dtype, factors);
    if (i < blocks.count)
        refuse_block(place, blocks, i, fmt::format("would come back as an infinite {}", dtype_name(job_.source_dtype)));
    return factors;
}

void BlockWork::refuse_block(const TilePlace& place, const quant::Blocks& blocks, std::uint64_t block,
                             std::string_view what) const {
    const std::uint64_t row = place.row + block / blocks.across * blocks.rows_each;
    const std::uint64_t column = place.column + block % blocks.across * blocks.columns_each;
    throw Error(ErrorCode::kBadInput, printable(job_.source->name()),
                fmt::format("tensor {} spans {} to {} in the block at {}, which {}; --on-non-finite keep copies such "
                            "tensors, another scheme has another range",
                            in_quotes(job_.name), blocks.min[block], blocks.max[block],
                            index_text(row * layout_.matrix.columns + column, *job_.shape), what));
}

/// The last piece may end behind the task.
void BlockWork::read_rest(SourcePieces& pieces, Pass& pass) const {
    while (pieces.missing() > 0) {
        const std::uint64_t size = std::min<std::uint64_t>(pieces.missing(), pass.elements);
        const Bytes part(reinterpret_cast<std::byte*>(pass.codes), size);
        job_.source->read_at(part, job_.source_offset + pieces.next());
        pieces.add(part);
    }
}

}  // namespace octet::run
