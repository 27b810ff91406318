// A tile is read run by run, as rows or as a strip of columns that is turned, quantized with the
// codec of tiles, packed, and handed to the output; states go to their places at once.
#include "codecs/quantize_groups.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/checksum.hpp"
#include "quant/finite_state.hpp"
#include "quant/packing.hpp"
#include "quant/values.hpp"

namespace octet::codecs {
namespace {

/// Elements of a tile as a rule: its floats stay in the second-level cache.
constexpr std::uint64_t kTileElements = 64U << 10U;

/// The same of a strip of columns, so that each read brings some hundred bytes.
constexpr std::uint64_t kStripElements = 256U << 10U;

/// Elements of a piece.
constexpr std::uint64_t kPieceElements = 1U << 20U;

template <typename T>
T* carve(pipeline::Bytes& memory, std::uint64_t count) {
    T* const taken = reinterpret_cast<T*>(memory.data());
    memory = memory.subspan(divide_up(count * sizeof(T), 64) * 64);
    return taken;
}

std::uint64_t room_for(std::uint64_t count, std::uint64_t each) {
    return divide_up(count * each, 64) * 64;
}

void copy_to(pipeline::OutputStream& output, pipeline::ConstBytes bytes) {
    while (!bytes.empty()) {
        const std::uint64_t size =
            std::min<std::uint64_t>(bytes.size(), pipeline::kHashedChunkBytes);
        std::copy_n(bytes.begin(), size, output.next(size).begin());
        bytes = bytes.subspan(size);
    }
}

}  // namespace

struct QuantizeGroupsTask::Buffers {
    float* values;   ///< of a run
    float* strip;    ///< of one read of a strip of columns
    float* row;      ///< of one group, aligned
    std::byte* raw;  ///< one read, as the source stores it
    std::uint8_t* codes;
    quant::Blocks blocks;  ///< of a run
    std::byte* stored;     ///< states in their dtype
};

QuantizeGroupsTask::QuantizeGroupsTask(GroupsJob job, const pipeline::Stretch& from,
                                       const pipeline::Stretch& to, std::size_t number,
                                       const TakeResult& take)
    : TensorTask(from, to, true), job_(std::move(job)), take_(take), number_(number) {
    groups_each_ = inputs() / job_.group;
    stored_rows_ = divide_up(rows(), job_.stacked);
    const std::uint64_t wanted = job_.is_transposed ? kStripElements : kTileElements;
    const std::uint64_t step = job_.is_transposed ? groups_each_ : 1;  // a strip has whole outputs
    tile_rows_ = std::max<std::uint64_t>(wanted / (job_.group * job_.stacked * step), 1) * step;
    tile_rows_ = std::min(tile_rows_, std::max<std::uint64_t>(stored_rows_, 1));
}

std::uint64_t QuantizeGroupsTask::stored_row_bytes() const noexcept {
    return job_.stacked > 1 ? job_.group : quant::packed_bytes(job_.group, job_.scheme.bits);
}

std::uint64_t QuantizeGroupsTask::tiles() const noexcept {
    return divide_up(stored_rows_, tile_rows_);
}

std::uint64_t QuantizeGroupsTask::memory_needed() const {
    constexpr std::uint64_t kArrays = 5;  // of states, and as they are stored
    const std::uint64_t elements = tile_rows_ * job_.group;
    const std::uint64_t strip = tile_rows_ / groups_each_ + 1;
    return room_for(elements, sizeof(float)) + room_for(strip, sizeof(float)) +
           room_for(job_.group, sizeof(float)) +
           room_for(std::max(elements, strip), dtype_bits(job_.dtype) / 8) +
           room_for(elements * job_.stacked, 1) + kArrays * room_for(tile_rows_, sizeof(float));
}

QuantizeGroupsTask::Buffers QuantizeGroupsTask::buffers_in(pipeline::Bytes memory) const {
    const std::uint64_t elements = tile_rows_ * job_.group;
    const std::uint64_t strip = tile_rows_ / groups_each_ + 1;
    Buffers buffers{};
    buffers.values = carve<float>(memory, elements);
    buffers.strip = carve<float>(memory, strip);
    buffers.row = carve<float>(memory, job_.group);
    buffers.raw =
        carve<std::byte>(memory, std::max(elements, strip) * (dtype_bits(job_.dtype) / 8));
    buffers.codes = carve<std::uint8_t>(memory, elements * job_.stacked);
    for (float** const array : {&buffers.blocks.min, &buffers.blocks.max, &buffers.blocks.scale,
                                &buffers.blocks.zero_point})
        *array = carve<float>(memory, tile_rows_);
    buffers.stored = carve<std::byte>(memory, tile_rows_ * sizeof(float));
    buffers.blocks.columns_each = job_.group;
    return buffers;
}

std::uint64_t QuantizeGroupsTask::cut(std::uint64_t /*memory_bytes*/) {
    const std::uint64_t elements =
        std::max<std::uint64_t>(tile_rows_ * job_.group * job_.stacked, 1);
    piece_tiles_ = std::max<std::uint64_t>(kPieceElements / elements, 1);
    const std::uint64_t pieces = std::max<std::uint64_t>(divide_up(tiles(), piece_tiles_), 1);
    found_.resize(pieces);
    return pieces;
}

void QuantizeGroupsTask::do_piece(std::uint64_t number, pipeline::Workspace& workspace) {
    if (number == 0 && !job_.last.empty())
        target.file->write_at(job_.last, target.offset + target.byte_count - job_.last.size());
    const std::uint64_t first = number * piece_tiles_ * tile_rows_;
    const std::uint64_t end = std::min(first + piece_tiles_ * tile_rows_, stored_rows_);
    if (first >= end) return;
    pipeline::OutputStream& output =
        workspace.open_output(first * stored_row_bytes(), (end - first) * stored_row_bytes());
    Buffers buffers = buffers_in(workspace.memory);
    for (std::uint64_t at = first; at < end; at += tile_rows_) {
        if (workspace.is_cancelled()) return;
        do_tile({at, std::min(tile_rows_, end - at)}, buffers, workspace, output, found_[number]);
    }
}

void QuantizeGroupsTask::do_tile(const Tile& tile, Buffers& buffers, pipeline::Workspace& workspace,
                                 pipeline::OutputStream& output, Found& found) const {
    const std::uint64_t each = tile.count * job_.group;
    std::fill_n(buffers.codes, each, std::uint8_t{0});
    for (std::uint64_t i = 0; i < job_.stacked; ++i) {
        const std::uint64_t first = tile.first + i * stored_rows_;
        if (first >= rows()) break;
        const Run run{first, std::min(tile.count, rows() - first)};
        std::uint8_t* const codes = buffers.codes + i * each;
        read(run, buffers, workspace);
        quantize(run, buffers, codes, found);
        write_states(run, buffers);
        workspace.add_progress(run.count * job_.group * (dtype_bits(job_.dtype) / 8));
        if (i == 0) continue;
        for (std::uint64_t k = 0; k < run.count * job_.group; ++k)
            buffers.codes[k] =
                static_cast<std::uint8_t>(buffers.codes[k] | codes[k] << i * job_.scheme.bits);
    }
    if (job_.stacked == 1) quant::pack(buffers.codes, each, job_.scheme.bits, buffers.codes);
    copy_to(output, std::as_bytes(std::span(buffers.codes, tile.count * stored_row_bytes())));
}

std::uint64_t QuantizeGroupsTask::source_element(std::uint64_t row,
                                                 std::uint64_t column) const noexcept {
    if (!job_.is_transposed) return row * job_.group + column;
    return (row % groups_each_ * job_.group + column) * outputs() + row / groups_each_;
}

/// Elements that lie one behind the other in the source, as floats.
void QuantizeGroupsTask::read_floats(std::uint64_t element, std::uint64_t count, float* values,
                                     Buffers& buffers, const pipeline::Workspace& workspace) const {
    const std::uint64_t each = dtype_bits(job_.dtype) / 8;
    const auto floats = std::as_writable_bytes(std::span(values, count));
    if (job_.dtype == Dtype::kF32) return workspace.read_source(element * each, floats);
    const pipeline::Bytes raw(buffers.raw, count * each);
    workspace.read_source(element * each, raw);
    kernels::Narrowing ignored{};
    quant::convert_values(job_.dtype, raw, Dtype::kF32, floats, ignored);
}

void QuantizeGroupsTask::read(const Run& run, Buffers& buffers,
                              const pipeline::Workspace& workspace) const {
    if (!job_.is_transposed)
        return read_floats(run.first * job_.group, run.count * job_.group, buffers.values, buffers,
                           workspace);
    const std::uint64_t width = run.count / groups_each_;
    for (std::uint64_t input = 0; input < inputs(); ++input) {
        read_floats(input * outputs() + run.first / groups_each_, width, buffers.strip, buffers,
                    workspace);
        for (std::uint64_t i = 0; i < width; ++i)
            buffers.values[i * inputs() + input] = buffers.strip[i];
    }
}

/// The inputs of rows have weights of their own: such rows go one by one.
void QuantizeGroupsTask::quantize(const Run& run, Buffers& buffers, std::uint8_t* codes,
                                  Found& found) const {
    buffers.blocks.count = run.count;
    if (job_.weights.empty())
        return quantize_rows(run, buffers.values, nullptr, buffers.blocks, codes, found);
    for (std::uint64_t i = 0; i < run.count; ++i) {
        std::copy_n(buffers.values + i * job_.group, job_.group, buffers.row);
        quant::Blocks one = buffers.blocks;
        one.count = 1;
        for (float** const array : {&one.min, &one.max, &one.scale, &one.zero_point}) *array += i;
        const float* const weights =
            job_.weights.data() + (run.first + i) % groups_each_ * job_.group;
        quantize_rows({run.first + i, 1}, buffers.row, weights, one, codes + i * job_.group, found);
    }
}

void QuantizeGroupsTask::quantize_rows(const Run& run, const float* values, const float* weights,
                                       const quant::Blocks& blocks, std::uint8_t* codes,
                                       Found& found) const {
    const quant::Tile tile{run.count, job_.group, values, nullptr};
    quant::clear_ranges(blocks);
    if (!quant::add_ranges(tile, blocks)) refuse_values(run, values);
    std::uint64_t block = 0;
    if (!quant::make_states(job_.scheme, tile, weights, blocks, block))
        refuse_block(run, blocks, block);
    quant::SumFactors factors = quant::sum_factors(blocks);
    block = quant::settle_states(job_.scheme, blocks, job_.dtype, factors);
    if (block < blocks.count) refuse_block(run, blocks, block);
    found.sums.merge(quant::quantize_tile(job_.scheme, tile, blocks, factors, codes));
    found.bound = std::max(found.bound, quant::largest_bound(job_.scheme, blocks, job_.dtype));
}

/// Scales of all rows, then zero points, behind the codes.
void QuantizeGroupsTask::write_states(const Run& run, Buffers& buffers) const {
    const Dtype dtype = quant::scale_dtype_of(job_.scheme);
    const std::uint64_t each = dtype_bits(dtype) / 8;
    const auto write = [&](const float* values, std::uint64_t begin) {
        const std::span<std::byte> stored(buffers.stored, run.count * each);
        kernels::Narrowing exact{};
        quant::convert_values(Dtype::kF32, std::as_bytes(std::span(values, run.count)), dtype,
                              stored, exact);
        target.file->write_at(stored, target.offset + begin + run.first * each);
    };
    const std::uint64_t begin = stored_rows_ * stored_row_bytes();
    write(buffers.blocks.scale, begin);
    float* const zero_points = buffers.blocks.zero_point;
    if (job_.negates_zero_points)
        std::transform(zero_points, zero_points + run.count, zero_points, std::negate<>());
    write(zero_points, begin + rows() * each);
}

void QuantizeGroupsTask::finish(pipeline::PieceChecksums stored) {
    TensorResult result;
    for (const Found& one : found_) {
        result.sums.merge(one.sums);
        result.bound = std::max(result.bound, one.bound);
    }
    result.source_pieces.resize(
        divide_up(source.byte_count, quant::kPieceBytes));  // nobody saw them in order
    result.stored_pieces = std::move(stored);
    take_(number_, std::move(result));
}

void QuantizeGroupsTask::refuse_values(const Run& run, const float* values) const {
    const std::uint64_t count = run.count * job_.group;
    const float* const found =
        std::find_if(values, values + count, [](float value) { return !std::isfinite(value); });
    const auto at = static_cast<std::uint64_t>(found - values) % count;
    const std::uint64_t element = source_element(run.first + at / job_.group, at % job_.group);
    throw Error(ErrorCode::kBadInput, printable(source.file->name()),
                fmt::format("tensor {} holds {} at {}, which is not a finite float32; "
                            "--on-non-finite keep copies such "
                            "tensors",
                            in_quotes(job_.name), values[at], index_text(element, job_.shape)));
}

void QuantizeGroupsTask::refuse_block(const Run& run, const quant::Blocks& blocks,
                                      std::uint64_t block) const {
    throw Error(
        ErrorCode::kBadInput, printable(source.file->name()),
        fmt::format(
            "tensor {} spans {} to {} in the block at {}, which has no finite scale of dtype {}; "
            "--on-non-finite keep copies such tensors, another scheme has another range",
            in_quotes(job_.name), blocks.min[block], blocks.max[block],
            index_text(source_element(run.first + block, 0), job_.shape),
            dtype_name(quant::scale_dtype_of(job_.scheme))));
}

}  // namespace octet::codecs
