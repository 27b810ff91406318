// Pieces of 2^20 elements. Codes of one scale are restored from the bytes as they are read; all
// others go through the restorer of blocks. Narrowing to a 16-bit dtype is measured on the way.
#include "codecs/restore.hpp"

#include <algorithm>

#include "base/checked.hpp"
#include "codecs/copy.hpp"
#include "quant/values.hpp"

namespace octet::codecs {
namespace {

/// Elements that are restored at a time, and in one piece.
constexpr std::uint64_t kPartElements = 128U << 10U;
constexpr std::uint64_t kPieceElements = 1U << 20U;

/// Output of plain codes that is made at a time.
constexpr std::uint64_t kPartBytes = 128U << 10U;

}  // namespace

std::uint64_t RestoreTask::elements() const noexcept {
    return target.byte_count / (dtype_bits(job_.dtype) / 8);
}

octet_set::BlockRestorer RestoreTask::restorer() const {
    return {*source.file, source.offset, job_.scheme, *job_.shape, job_.state};
}

std::uint64_t RestoreTask::memory_needed() const {
    return std::min(kPartElements, elements()) * (sizeof(float) + 1) + 1024;
}

std::uint64_t RestoreTask::cut(std::uint64_t /*memory_bytes*/) {
    const std::uint64_t pieces = std::max<std::uint64_t>(divide_up(elements(), kPieceElements), 1);
    narrowings_.resize(pieces);
    if (pieces > 1) restorer_ = std::make_unique<octet_set::BlockRestorer>(restorer());
    return pieces;
}

void RestoreTask::do_piece(std::uint64_t number, pipeline::Workspace& workspace) {
    const std::uint64_t begin = number * kPieceElements;
    const std::uint64_t end = std::min(begin + kPieceElements, elements());
    if (begin == end) return;
    const octet_set::BlockRestorer own = restorer_ ? *restorer_ : restorer();
    if (own.has_plain_codes()) {
        restore_plain(own, begin, end, workspace);
    } else {
        restore_blocks(own, begin, end, workspace);
    }
    const std::uint64_t share = source.byte_count / narrowings_.size();
    workspace.add_progress(number + 1 == narrowings_.size() ? source.byte_count - share * number
                                                            : share);
}

void RestoreTask::restore_part(const octet_set::BlockRestorer& own,
                               std::span<const std::byte> codes, std::span<std::byte> room,
                               kernels::Narrowing& narrowing) const {
    if (job_.dtype == Dtype::kF32) return own.restore(codes, reinterpret_cast<float*>(room.data()));
    constexpr std::uint64_t kBlock = 4096;  // what is narrowed stays in the first-level cache
    const std::uint64_t each = dtype_bits(job_.dtype) / 8;
    alignas(64) float values[kBlock];
    for (std::uint64_t i = 0; i < codes.size(); i += kBlock) {
        const std::uint64_t size = std::min<std::uint64_t>(kBlock, codes.size() - i);
        own.restore(codes.subspan(i, size), values);
        quant::convert_values(Dtype::kF32, std::as_bytes(std::span(values, size)), job_.dtype,
                              room.subspan(i * each, size * each), narrowing);
    }
}

/// Codes that are looked at where they are.
void RestoreTask::restore_plain(const octet_set::BlockRestorer& own, std::uint64_t begin,
                                std::uint64_t end, pipeline::Workspace& workspace) {
    const std::uint64_t each = dtype_bits(job_.dtype) / 8;
    const std::uint64_t part = kPartBytes / each;
    kernels::Narrowing& narrowing = narrowings_[begin / kPieceElements];
    pipeline::OutputStream& output = workspace.open_output(begin * each, (end - begin) * each);
    const std::uint64_t fitting = std::max<std::uint64_t>(workspace.memory.size() / part, 1) * part;
    for (std::uint64_t at = begin; at < end; at += fitting) {
        const std::uint64_t size = std::min(fitting, end - at);
        workspace.visit_source(at, size, workspace.memory, [&](pipeline::SourceBytes& codes) {
            for (std::uint64_t done = 0; done < size; done += part) {
                const std::uint64_t count = std::min(part, size - done);
                restore_part(own, codes.part(done, count), output.next(count * each), narrowing);
            }
        });
    }
    kernels::Narrowing ignored{};
    add_narrowing(narrowing, source.file->name(), job_.name, job_.dtype, ignored);
}

void RestoreTask::restore_blocks(const octet_set::BlockRestorer& own, std::uint64_t begin,
                                 std::uint64_t end, pipeline::Workspace& workspace) {
    const std::uint64_t each = dtype_bits(job_.dtype) / 8;
    const std::uint64_t most = std::min(kPartElements, elements());
    auto* const values = reinterpret_cast<float*>(workspace.memory.data());
    const std::span<std::byte> scratch = workspace.memory.subspan(most * sizeof(float));
    pipeline::OutputStream& output = workspace.open_output(begin * each, (end - begin) * each);
    kernels::Narrowing& narrowing = narrowings_[begin / kPieceElements];
    for (std::uint64_t first = begin; first < end; first += kPartElements) {
        const std::uint64_t count = std::min(kPartElements, end - first);
        const std::span<std::byte> room = output.next(count * each);
        const bool is_f32 = job_.dtype == Dtype::kF32;
        const std::span<float> part(is_f32 ? reinterpret_cast<float*>(room.data()) : values, count);
        own.read(first, part, scratch);
        kernels::Narrowing ignored{};
        if (!is_f32)
            quant::convert_values(Dtype::kF32, std::as_bytes(part), job_.dtype, room, narrowing);
        add_narrowing(narrowing, source.file->name(), job_.name, job_.dtype, ignored);
    }
}

void RestoreTask::finish(pipeline::PieceChecksums /*stored*/) {
    TensorResult result;
    for (const kernels::Narrowing& one : narrowings_)
        add_narrowing(one, source.file->name(), job_.name, job_.dtype, result.narrowing);
    take_(number_, std::move(result));
}

}  // namespace octet::codecs
