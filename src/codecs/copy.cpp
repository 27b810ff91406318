// A tensor that fits in memory goes through in one piece, larger ones in tiles of 4 MiB. Output is
// hashed while it is in the second-level cache.
#include "codecs/copy.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/values.hpp"

namespace octet::codecs {
namespace {

/// Bytes of a piece, in the wider of source and target.
constexpr std::uint64_t kTileBytes = 4U << 20U;

/// What is gone through once is cut finer than the memory asks for, so that the workers end
/// together.
constexpr std::uint64_t kMostWholeBytes = 8U << 20U;

/// Output that is made at a time, and hashed while it is in the second-level cache.
constexpr std::uint64_t kPartBytes = 128U << 10U;

/// Source and target together fit in one worker's memory.
bool is_whole(const pipeline::TensorTask& task, std::uint64_t memory_bytes) {
    return task.source.byte_count + task.target.byte_count <=
           std::min(memory_bytes, kMostWholeBytes);
}

}  // namespace

std::uint64_t CopyTask::cut(std::uint64_t memory_bytes) {
    piece_bytes_ =
        is_whole(*this, memory_bytes) ? std::max<std::uint64_t>(source.byte_count, 1) : kTileBytes;
    return std::max<std::uint64_t>(divide_up(source.byte_count, piece_bytes_), 1);
}

void CopyTask::do_piece(std::uint64_t number, pipeline::Workspace& workspace) {
    const std::uint64_t begin = number * piece_bytes_;
    const std::uint64_t end = std::min(begin + piece_bytes_, source.byte_count);
    if (begin == end) return;
    pipeline::OutputStream& output = workspace.open_output(begin, end - begin);
    const std::uint64_t fitting = workspace.memory.size() - workspace.memory.size() % kPartBytes;
    for (std::uint64_t at = begin; at < end;) {
        const std::uint64_t size = std::min(std::max<std::uint64_t>(fitting, kPartBytes), end - at);
        workspace.visit_source(at, size, workspace.memory, [&](pipeline::SourceBytes& bytes) {
            for (std::uint64_t done = 0; done < size; done += kPartBytes) {
                const std::uint64_t part = std::min(kPartBytes, size - done);
                const std::span<std::byte> room = output.next(part);
                const std::span<const std::byte> from = bytes.part(done, part);
                std::copy(from.begin(), from.end(), room.begin());
            }
        });
        at += size;
    }
    workspace.add_progress(end - begin);
}

void CopyTask::finish(pipeline::PieceChecksums stored) {
    TensorResult result;
    result.source_pieces = stored;
    result.stored_pieces = std::move(stored);
    take_(number_, std::move(result));
}

std::uint64_t ConvertTask::cut(std::uint64_t memory_bytes) {
    const std::uint64_t elements = source.byte_count / (dtype_bits(job_.from) / 8);
    const std::uint64_t tile =
        kTileBytes / (std::max(dtype_bits(job_.from), dtype_bits(job_.to)) / 8);
    piece_elements_ = is_whole(*this, memory_bytes) ? std::max<std::uint64_t>(elements, 1) : tile;
    narrowings_.resize(std::max<std::uint64_t>(divide_up(elements, piece_elements_), 1));
    return narrowings_.size();
}

void ConvertTask::do_piece(std::uint64_t number, pipeline::Workspace& workspace) {
    const std::uint64_t from_each = dtype_bits(job_.from) / 8;
    const std::uint64_t to_each = dtype_bits(job_.to) / 8;
    const std::uint64_t begin = number * piece_elements_;
    const std::uint64_t end = std::min(begin + piece_elements_, source.byte_count / from_each);
    if (begin == end) return;
    pipeline::OutputStream& output =
        workspace.open_output(begin * to_each, (end - begin) * to_each);
    const std::uint64_t part = kPartBytes / to_each;
    const std::uint64_t fitting =
        std::max(workspace.memory.size() / from_each / part, std::uint64_t{1}) * part;
    for (std::uint64_t at = begin; at < end;) {
        const std::uint64_t count = std::min(fitting, end - at);
        workspace.visit_source(
            at * from_each, count * from_each, workspace.memory, [&](pipeline::SourceBytes& bytes) {
                for (std::uint64_t done = 0; done < count; done += part) {
                    const std::uint64_t size = std::min(part, count - done);
                    quant::convert_values(job_.from, bytes.part(done * from_each, size * from_each),
                                          job_.to, output.next(size * to_each),
                                          narrowings_[number]);
                }
            });
        at += count;
    }
    kernels::Narrowing ignored{};
    add_narrowing(narrowings_[number], source.file->name(), job_.name, job_.to, ignored);
    workspace.add_progress((end - begin) * from_each);
}

void ConvertTask::finish(pipeline::PieceChecksums /*stored*/) {
    TensorResult result;
    for (const kernels::Narrowing& one : narrowings_)
        add_narrowing(one, source.file->name(), job_.name, job_.to, result.narrowing);
    take_(number_, std::move(result));
}

void add_narrowing(const kernels::Narrowing& part, std::string_view file, std::string_view tensor,
                   Dtype dtype, kernels::Narrowing& all) {
    if (part.overflowed)
        throw Error(
            ErrorCode::kBadInput, printable(file),
            fmt::format("tensor {} holds values that overflow {}; choose --dtype f32 or bf16",
                        in_quotes(tensor), dtype_name(dtype)));
    all.max_abs_difference = std::max(all.max_abs_difference, part.max_abs_difference);
}

}  // namespace octet::codecs
