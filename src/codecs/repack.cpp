// A tile is read from the set, its codes and zero points become those of the other format, and the
// encoder of that format makes bytes of them; codes go to the output in order, states to their
// places at once.
#include "codecs/repack.hpp"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/checksum.hpp"
#include "quant/packing.hpp"
#include "quant/values.hpp"

namespace octet::codecs {
namespace {

/// Codes of a tile: they stay in the second-level cache.
constexpr std::uint64_t kTileCodes = 256U << 10U;

/// Codes of a piece.
constexpr std::uint64_t kPieceCodes = 1U << 20U;

constexpr std::uint64_t kStateArrays = 3;  ///< scales, zero points, and these as they are stored

std::uint64_t room_for(std::uint64_t bytes) {
    return divide_up(bytes, 64) * 64;
}

void copy_to(pipeline::OutputStream& output, pipeline::ConstBytes bytes) {
    while (!bytes.empty()) {
        const std::uint64_t size =
            std::min<std::uint64_t>(bytes.size(), pipeline::kHashedChunkBytes);
        std::copy_n(bytes.begin(), size, output.next(size).begin());
        bytes = bytes.subspan(size);
    }
}

/// To their places in the target.
class PlaceSink final : public formats::ByteSink {
  public:
    explicit PlaceSink(const pipeline::Stretch& target) : target_(target) {}
    void put(std::uint64_t at, std::span<const std::byte> bytes) override {
        target_.file->write_at(bytes, target_.offset + at);
    }

  private:
    const pipeline::Stretch& target_;
};

Shape stored_shape(const octet_set::CodeRows& rows) {
    return {rows.outputs(), rows.inputs()};
}

}  // namespace

struct RepackTask::Buffers {
    std::uint8_t* codes;  ///< of a tile, and of each of the rows that are stacked on it
    float* scale;
    float* zero_point;
    std::byte* stored;  ///< states in their dtype
    std::span<std::byte> scratch;
};

RepackTask::RepackTask(RepackJob job, const pipeline::Stretch& from, const pipeline::Stretch& to,
                       std::size_t number, const TakeResult& take)
    : TensorTask(from, to, true),
      job_(std::move(job)),
      take_(take),
      number_(number),
      rows_(*from.file, from.offset, job_.from, job_.shape) {
    // Encoders take whole outputs, and so does a strip of columns, whose codes fill whole bytes.
    const std::uint64_t step = is_stacked() ? 1 : rows_.groups_each();
    const std::uint64_t least = rows_.is_transposed() ? 8 : 1;
    const std::uint64_t each = std::max<std::uint64_t>(rows_.group() * job_.stacked * step, 1);
    tile_rows_ = std::max(kTileCodes / each / least * least, least) * step;
    tile_rows_ = std::max<std::uint64_t>(std::min(tile_rows_, stored_rows()), 1);
}

std::uint64_t RepackTask::stored_rows() const noexcept {
    return divide_up(rows_.rows(), job_.stacked);
}

std::uint64_t RepackTask::memory_needed() const {
    return room_for(tile_rows_ * rows_.group() * job_.stacked) +
           kStateArrays * room_for(tile_rows_ * sizeof(float)) + rows_.scratch_bytes(tile_rows_);
}

RepackTask::Buffers RepackTask::buffers_in(pipeline::Bytes memory) const {
    const auto carve = [&](std::uint64_t bytes) {
        std::byte* const taken = memory.data();
        memory = memory.subspan(room_for(bytes));
        return taken;
    };
    Buffers buffers{};
    buffers.codes =
        reinterpret_cast<std::uint8_t*>(carve(tile_rows_ * rows_.group() * job_.stacked));
    buffers.scale = reinterpret_cast<float*>(carve(tile_rows_ * sizeof(float)));
    buffers.zero_point = reinterpret_cast<float*>(carve(tile_rows_ * sizeof(float)));
    buffers.stored = carve(tile_rows_ * sizeof(float));
    buffers.scratch = memory;
    return buffers;
}

std::uint64_t RepackTask::cut(std::uint64_t /*memory_bytes*/) {
    const std::uint64_t each =
        std::max<std::uint64_t>(tile_rows_ * rows_.group() * job_.stacked, 1);
    piece_tiles_ = std::max<std::uint64_t>(kPieceCodes / each, 1);
    pieces_ =
        std::max<std::uint64_t>(divide_up(divide_up(stored_rows(), tile_rows_), piece_tiles_), 1);
    if (!is_stacked()) encoder_ = job_.format.encoder_of(job_.to, stored_shape(rows_));
    return pieces_;
}

/// Bytes of the codes of these stored rows, or of those before a row.
std::uint64_t RepackTask::code_bytes(const Run& stored) const noexcept {
    if (is_stacked()) return stored.count * rows_.group();
    const std::uint64_t each = std::max<std::uint64_t>(rows_.groups_each(), 1);
    return encoder_->code_bytes({stored.first / each, 0, stored.count / each, rows_.inputs()});
}

void RepackTask::do_piece(std::uint64_t number, pipeline::Workspace& workspace) {
    const std::uint64_t first = number * piece_tiles_ * tile_rows_;
    const std::uint64_t end = std::min(first + piece_tiles_ * tile_rows_, stored_rows());
    if (number == 0 && !job_.last.empty())
        target.file->write_at(job_.last, target.offset + target.byte_count - job_.last.size());
    if (first >= end) return;
    pipeline::OutputStream& output =
        workspace.open_output(code_bytes({0, first}), code_bytes({first, end - first}));
    Buffers buffers = buffers_in(workspace.memory);
    for (std::uint64_t at = first; at < end; at += tile_rows_) {
        if (workspace.is_cancelled()) return;
        const Run tile{at, std::min(tile_rows_, end - at)};
        is_stacked() ? stack(tile, buffers, output) : encode(tile, buffers, output);
    }
    const std::uint64_t share = source.byte_count / pieces_;
    workspace.add_progress(number + 1 == pieces_ ? source.byte_count - share * number : share);
}

/// From codes around 0 to codes from 0 up, and from integer zero points to real ones, where those
/// are stored.
void RepackTask::read(const Run& run, std::uint8_t* codes, Buffers& buffers) const {
    const std::span<float> scale(buffers.scale, run.count);
    const std::span<float> zero_point(buffers.zero_point, run.count);
    const std::span<std::uint8_t> all(codes, run.count * rows_.group());
    rows_.read(run.first, all, scale, zero_point, buffers.scratch);
    if (job_.to.symmetric || job_.to.zero_point == ZeroPoint::kInteger) return;
    const unsigned half = 1U << (job_.from.bits - 1);
    if (job_.from.symmetric) {
        std::transform(all.begin(), all.end(), all.begin(), [=](std::uint8_t code) {
            return static_cast<std::uint8_t>((code ^ half) & (2 * half - 1));
        });
        std::fill(zero_point.begin(), zero_point.end(), static_cast<float>(half));
    }
    if (!job_.from.symmetric && job_.from.zero_point == ZeroPoint::kReal) return;
    std::transform(zero_point.begin(), zero_point.end(), scale.begin(), zero_point.begin(),
                   [](float code, float each) { return 0.0F - code * each; });
    check_exact(run, buffers);
}

/// The dtype holds zero points that are products.
void RepackTask::check_exact(const Run& run, const Buffers& buffers) const {
    const Dtype dtype = quant::scale_dtype_of(job_.to);
    const std::uint64_t bytes = run.count * (dtype_bits(dtype) / 8);
    kernels::Narrowing narrowing{};
    quant::convert_values(Dtype::kF32,
                          std::as_bytes(std::span<const float>(buffers.zero_point, run.count)),
                          dtype, {buffers.stored, bytes}, narrowing);
    if (!narrowing.overflowed && narrowing.max_abs_difference == 0) return;
    throw Error(ErrorCode::kBadInput, printable(source.file->name()),
                fmt::format("tensor {} has a zero point near row {} that {} does not hold exactly; "
                            "quantize the original to this format",
                            in_quotes(job_.name), with_commas(run.first / rows_.groups_each()),
                            dtype_name(dtype)));
}

/// Rows of whole outputs.
void RepackTask::encode(const Run& rows, Buffers& buffers, pipeline::OutputStream& output) const {
    read(rows, buffers.codes, buffers);
    const std::uint64_t each = rows_.groups_each();
    const quant::TilePlace place{rows.first / each, 0, rows.count / each, rows_.inputs()};
    quant::Blocks blocks;
    blocks.columns_each = rows_.group();
    blocks.across = each;
    blocks.count = rows.count;
    blocks.scale = buffers.scale;
    blocks.zero_point = buffers.zero_point;
    PlaceSink sink(target);
    encoder_->encode_states(place, blocks, buffers.stored, sink);
    encoder_->encode_codes(place, buffers.codes, buffers.codes);
    copy_to(output, std::as_bytes(std::span(buffers.codes, encoder_->code_bytes(place))));
}

/// Stored rows, each of codes of several rows of groups.
void RepackTask::stack(const Run& stored, Buffers& buffers, pipeline::OutputStream& output) const {
    const std::uint64_t each = stored.count * rows_.group();
    std::fill_n(buffers.codes, each, std::uint8_t{0});
    for (std::uint64_t i = 0; i < job_.stacked; ++i) {
        const std::uint64_t first = stored.first + i * stored_rows();
        if (first >= rows_.rows()) break;
        const Run run{first, std::min(stored.count, rows_.rows() - first)};
        std::uint8_t* const codes = buffers.codes + i * each;
        read(run, codes, buffers);
        write_states(run, buffers);
        if (i == 0) continue;
        for (std::uint64_t k = 0; k < run.count * rows_.group(); ++k)
            buffers.codes[k] =
                static_cast<std::uint8_t>(buffers.codes[k] | codes[k] << i * job_.from.bits);
    }
    copy_to(output, std::as_bytes(std::span(buffers.codes, each)));
}

/// Scales of all rows, then negated zero points, behind the codes.
void RepackTask::write_states(const Run& run, Buffers& buffers) const {
    const Dtype dtype = quant::scale_dtype_of(job_.to);
    const std::uint64_t each = dtype_bits(dtype) / 8;
    const auto write = [&](const float* values, std::uint64_t begin) {
        const std::span<std::byte> stored(buffers.stored, run.count * each);
        kernels::Narrowing exact{};
        quant::convert_values(Dtype::kF32, std::as_bytes(std::span(values, run.count)), dtype,
                              stored, exact);
        target.file->write_at(stored, target.offset + begin + run.first * each);
    };
    const std::uint64_t begin = code_bytes({0, stored_rows()});
    write(buffers.scale, begin);
    std::transform(buffers.zero_point, buffers.zero_point + run.count, buffers.zero_point,
                   std::negate<>());
    write(buffers.zero_point, begin + rows_.rows() * each);
}

void RepackTask::finish(pipeline::PieceChecksums stored) {
    encoder_.reset();
    TensorResult result;
    result.source_pieces.resize(
        divide_up(source.byte_count, quant::kPieceBytes));  // nobody saw them in order
    result.stored_pieces = std::move(stored);
    take_(number_, std::move(result));
}

}  // namespace octet::codecs
