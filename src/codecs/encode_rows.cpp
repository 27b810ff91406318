// A tile is read as rows, or as strips of columns that are turned, encoded, handed to the output,
// and decoded again to be held against its values.
#include "codecs/encode_rows.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/checksum.hpp"
#include "quant/difference.hpp"
#include "quant/ggml/decode.hpp"
#include "quant/values.hpp"

namespace octet::codecs {
namespace {

/// Elements of a tile as a rule: its floats stay in the second-level cache.
constexpr std::uint64_t kTileElements = 64U << 10U;

/// The most, where so many rows go together: of a strip of columns so that each read brings some
/// hundred bytes.
constexpr std::uint64_t kMostTileElements = 256U << 10U;

/// Elements of a piece: enough that little work is between two pieces, and that output is written
/// in large runs.
constexpr std::uint64_t kPieceElements = 1U << 20U;

/// Decoded at a time, to be held against the values.
constexpr std::uint64_t kPartElements = 8U << 10U;

constexpr std::uint64_t kRows = ggml::kEncodeRows;

/// Columns of a strip that are turned together: a row gets a whole line of the cache at a time.
constexpr std::uint64_t kTurned = 16;

/// As many rows as go into `elements`, in the groups that are encoded together.
std::uint64_t rows_in(std::uint64_t elements, std::uint64_t columns) {
    const std::uint64_t rows = std::max<std::uint64_t>(elements / columns, 1);
    return rows > kRows ? rows / kRows * kRows : rows;
}

/// Lays `count` columns of `rows` values each, one behind the other, into rows of `stride` values.
void turn(const float* columns, std::uint64_t count, std::uint64_t rows, float* values,
          std::uint64_t stride) {
    for (std::uint64_t row = 0; row < rows; ++row) {
        for (std::uint64_t i = 0; i < count; ++i)
            values[row * stride + i] = columns[i * rows + row];
    }
}

}  // namespace

struct EncodeRowsTask::Buffers {
    float* values;                    ///< of a tile
    float* columns;                   ///< of a strip, those that are turned together
    float* decoded;                   ///< kPartElements
    std::byte* raw;                   ///< one read, as the source stores it
    std::vector<std::byte> measured;  ///< blocks that nobody writes
};

EncodeRowsTask::EncodeRowsTask(const RowsJob& job, const pipeline::Stretch& from,
                               const pipeline::Stretch& to, std::size_t number,
                               const TakeResult& take)
    : TensorTask(from, to, true), job_(job), take_(take), number_(number) {
    if (job_.columns == 0 || job_.rows == 0) return;
    const bool is_long = job_.columns > kMostTileElements;
    tile_columns_ = is_long ? kMostTileElements : job_.columns;
    if (is_long) return;
    // A strip is as wide as memory allows; of rows 16 go together even where they are long.
    const std::uint64_t wanted = job_.is_transposed ? kMostTileElements : kTileElements;
    tile_rows_ = std::max(rows_in(wanted, job_.columns),
                          std::min(kRows, rows_in(kMostTileElements, job_.columns)));
    tile_rows_ = std::min(tile_rows_, job_.rows);
}

std::uint64_t EncodeRowsTask::tiles() const noexcept {
    if (tile_columns_ == 0) return 0;
    return divide_up(job_.rows, tile_rows_) * divide_up(job_.columns, tile_columns_);
}

EncodeRowsTask::Tile EncodeRowsTask::tile(std::uint64_t number) const noexcept {
    const std::uint64_t across = divide_up(job_.columns, tile_columns_);
    Tile tile;
    tile.row = number / across * tile_rows_;
    tile.rows = std::min(tile_rows_, job_.rows - tile.row);
    tile.column = number % across * tile_columns_;
    tile.columns = std::min(tile_columns_, job_.columns - tile.column);
    return tile;
}

std::uint64_t EncodeRowsTask::turned_elements() const noexcept {
    return job_.is_transposed ? std::min(kTurned, tile_columns_) * tile_rows_ : 0;
}

std::uint64_t EncodeRowsTask::memory_needed() const {
    const std::uint64_t elements = tile_rows_ * tile_columns_;
    const std::uint64_t run = job_.is_transposed ? tile_rows_ : elements;
    return (elements + turned_elements() + kPartElements) * sizeof(float) +
           run * (dtype_bits(job_.dtype) / 8) + 64;
}

EncodeRowsTask::Buffers EncodeRowsTask::buffers_in(pipeline::Bytes memory) const {
    Buffers buffers{};
    buffers.values = reinterpret_cast<float*>(memory.data());
    buffers.columns = buffers.values + tile_rows_ * tile_columns_;
    buffers.decoded = buffers.columns + turned_elements();
    buffers.raw = reinterpret_cast<std::byte*>(buffers.decoded + kPartElements);
    return buffers;
}

std::uint64_t EncodeRowsTask::cut(std::uint64_t /*memory_bytes*/) {
    const std::uint64_t elements = std::max<std::uint64_t>(tile_rows_ * tile_columns_, 1);
    piece_tiles_ = std::max<std::uint64_t>(kPieceElements / elements, 1);
    const std::uint64_t pieces = std::max<std::uint64_t>(divide_up(tiles(), piece_tiles_), 1);
    sums_.resize(pieces);
    return pieces;
}

void EncodeRowsTask::do_piece(std::uint64_t number, pipeline::Workspace& workspace) {
    const std::uint64_t first = number * piece_tiles_;
    const std::uint64_t last = std::min(first + piece_tiles_, tiles());
    if (first >= last) return;
    const auto byte_of = [&](const Tile& tile) {
        return tile.row * ggml::row_bytes(job_.type, job_.columns) +
               ggml::row_bytes(job_.type, tile.column);
    };
    const std::uint64_t begin = byte_of(tile(first));
    const std::uint64_t end = last < tiles() ? byte_of(tile(last)) : target.byte_count;
    pipeline::OutputStream* const output =
        is_measuring() ? nullptr : &workspace.open_output(begin, end - begin);
    Buffers buffers = buffers_in(workspace.memory);
    for (std::uint64_t i = first; i < last; ++i) {
        if (workspace.is_cancelled()) return;
        const Tile one = tile(i);
        do_tile(one, buffers, workspace, output, sums_[number]);
        workspace.add_progress(one.elements() * (dtype_bits(job_.dtype) / 8));
    }
}

void EncodeRowsTask::do_tile(const Tile& tile, Buffers& buffers, pipeline::Workspace& workspace,
                             pipeline::OutputStream* output, quant::ErrorSums& sums) const {
    read_tile(tile, buffers, workspace);
    if (job_.factor != 1 || job_.addend != 0) {
        for (std::uint64_t i = 0; i < tile.elements(); ++i)
            buffers.values[i] = buffers.values[i] * job_.factor + job_.addend;
    }
    const std::uint64_t row_bytes = ggml::row_bytes(job_.type, tile.columns);
    // A chunk of output may be smaller than a tile.
    const std::uint64_t fitting =
        std::max<std::uint64_t>(pipeline::kHashedChunkBytes / row_bytes, 1);
    Tile part{tile.row, 0, tile.column, tile.columns};
    for (std::uint64_t done = 0; done < tile.rows; done += part.rows) {
        part.row = tile.row + done;
        part.rows = std::min({fitting, tile.rows - done, rows_of_weights(part.row)});
        const float* const weights = weights_of(part);
        float* const values = buffers.values + done * tile.columns;
        const std::uint64_t bytes = part.rows * row_bytes;
        if (is_measuring() && buffers.measured.size() < bytes) buffers.measured.resize(bytes);
        const std::span<std::byte> room =
            is_measuring() ? std::span(buffers.measured).first(bytes) : output->next(bytes);
        const ggml::Encoded encoded = ggml::encode(job_.type, values, part.rows, part.columns,
                                                   weights, job_.search, room.data());
        if (encoded.not_finite && !job_.keeps_not_finite) refuse_not_finite(part, values);
        if (encoded.overflow && is_measuring()) {
            sums.max_abs_error = std::numeric_limits<double>::infinity();
            continue;
        }
        if (encoded.overflow && !job_.keeps_not_finite) refuse_overflow(part);
        add_sums(part, values, buffers.decoded, room.data(), sums);
    }
}

/// Rows from that one on that have its weights.
std::uint64_t EncodeRowsTask::rows_of_weights(std::uint64_t row) const noexcept {
    return job_.weight_rows == 0 ? job_.rows : job_.weight_rows - row % job_.weight_rows;
}

const float* EncodeRowsTask::weights_of(const Tile& tile) const noexcept {
    if (job_.weights == nullptr) return nullptr;
    const std::uint64_t matrix = job_.weight_rows == 0 ? 0 : tile.row / job_.weight_rows;
    return job_.weights + matrix * job_.columns + tile.column;
}

/// Decoded as a reader would, and held against the values.
void EncodeRowsTask::add_sums(const Tile& tile, const float* values, float* decoded,
                              const std::byte* blocks, quant::ErrorSums& sums) const {
    quant::DifferenceTile difference(0, 0);
    for (std::uint64_t done = 0; done < tile.elements(); done += kPartElements) {
        const std::uint64_t count = std::min(kPartElements, tile.elements() - done);
        ggml::decode(job_.type, blocks + ggml::row_bytes(job_.type, done), count, decoded);
        difference.add(std::span<const float>(values + done, count),
                       std::span<const float>(decoded, count));
    }
    const quant::DifferenceSums found = difference.sums();
    sums.merge({found.signal, found.noise, found.max_abs_error, 0});
}

void EncodeRowsTask::finish(pipeline::PieceChecksums stored) {
    TensorResult result;
    for (const quant::ErrorSums& one : sums_) result.sums.merge(one);
    result.source_pieces.resize(
        divide_up(source.byte_count, quant::kPieceBytes));  // nobody saw them in order
    result.stored_pieces = std::move(stored);
    take_(number_, std::move(result));
}

/// Which row of the source row number `row` of the target is, where heads are interleaved.
std::uint64_t EncodeRowsTask::source_row(std::uint64_t row) const noexcept {
    if (job_.head_rows == 0) return row;
    const std::uint64_t within = row % job_.head_rows;
    return row - within + within / 2 + within % 2 * (job_.head_rows / 2);
}

std::uint64_t EncodeRowsTask::source_element(std::uint64_t row,
                                             std::uint64_t column) const noexcept {
    return job_.is_transposed ? column * job_.rows + row : source_row(row) * job_.columns + column;
}

/// Elements that lie one behind the other in the source, as floats.
void EncodeRowsTask::read_run(std::uint64_t element, std::uint64_t count, float* values,
                              Buffers& buffers, pipeline::Workspace& workspace) const {
    const std::uint64_t each = dtype_bits(job_.dtype) / 8;
    const auto floats = std::as_writable_bytes(std::span(values, count));
    if (job_.dtype == Dtype::kF32) return workspace.read_source(element * each, floats);
    const pipeline::Bytes raw(buffers.raw, count * each);
    workspace.read_source(element * each, raw);
    kernels::Narrowing ignored{};
    quant::convert_values(job_.dtype, raw, Dtype::kF32, floats, ignored);
}

void EncodeRowsTask::read_turned(const Tile& tile, Buffers& buffers,
                                 pipeline::Workspace& workspace) const {
    for (std::uint64_t first = 0; first < tile.columns; first += kTurned) {
        const std::uint64_t count = std::min(kTurned, tile.columns - first);
        for (std::uint64_t i = 0; i < count; ++i)
            read_run(source_element(tile.row, tile.column + first + i), tile.rows,
                     buffers.columns + i * tile.rows, buffers, workspace);
        if (count == kTurned)
            turn(buffers.columns, kTurned, tile.rows, buffers.values + first, tile.columns);
        else
            turn(buffers.columns, count, tile.rows, buffers.values + first, tile.columns);
    }
}

void EncodeRowsTask::read_tile(const Tile& tile, Buffers& buffers,
                               pipeline::Workspace& workspace) const {
    if (job_.is_transposed) return read_turned(tile, buffers, workspace);
    const bool rows_stay = job_.head_rows == 0;
    const std::uint64_t runs = rows_stay ? 1 : tile.rows;
    const std::uint64_t count = tile.elements() / runs;
    for (std::uint64_t i = 0; i < runs; ++i)
        read_run(source_element(tile.row + i, tile.column), count, buffers.values + i * count,
                 buffers, workspace);
}

void EncodeRowsTask::refuse_not_finite(const Tile& tile, const float* values) const {
    const float* const found = std::find_if(values, values + tile.elements(),
                                            [](float value) { return !std::isfinite(value); });
    const auto at = static_cast<std::uint64_t>(found - values) % tile.elements();
    const std::uint64_t row = tile.row + at / tile.columns;
    const std::uint64_t column = tile.column + at % tile.columns;
    const Shape shape =
        job_.is_transposed ? Shape{job_.columns, job_.rows} : Shape{job_.rows, job_.columns};
    throw Error(ErrorCode::kBadInput, printable(source.file->name()),
                fmt::format("tensor {} holds {} at {}, which is not a finite float32; "
                            "--on-non-finite keep copies such "
                            "tensors",
                            in_quotes(job_.name), values[at],
                            index_text(source_element(row, column), shape)));
}

void EncodeRowsTask::refuse_overflow(const Tile& tile) const {
    throw Error(
        ErrorCode::kBadInput, printable(source.file->name()),
        fmt::format(
            "tensor {} holds values in row {} that {} cannot; choose bf16 or f32 for it, or "
            "--on-non-finite keep, which copies such tensors",
            in_quotes(job_.name), with_commas(tile.row), ggml::traits_of(job_.type).name));
}

}  // namespace octet::codecs
