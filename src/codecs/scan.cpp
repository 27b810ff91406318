// Each piece has a range of its own, merged in the end; parts are small enough to be asked for
// ahead.
#include "codecs/scan.hpp"

#include <algorithm>

#include "base/checked.hpp"
#include "quant/block_state.hpp"
#include "quant/values.hpp"

namespace octet::codecs {
namespace {

constexpr std::uint64_t kTileBytes = 4U << 20U;

/// What is gone over before the next part is asked for; whole elements of every dtype.
constexpr std::uint64_t kPartBytes = 128U << 10U;

}  // namespace

std::uint64_t ScanTask::cut(std::uint64_t /*memory_bytes*/) {
    ranges_.assign(std::max<std::uint64_t>(divide_up(source.byte_count, kTileBytes), 1),
                   quant::empty_range());
    return ranges_.size();
}

void ScanTask::do_piece(std::uint64_t number, pipeline::Workspace& workspace) {
    const std::uint64_t begin = number * kTileBytes;
    const std::uint64_t end = std::min(begin + kTileBytes, source.byte_count);
    const std::uint64_t fitting =
        std::max(workspace.memory.size() / kPartBytes, std::size_t{1}) * kPartBytes;
    for (std::uint64_t at = begin; at < end; at += fitting) {
        const std::uint64_t size = std::min(fitting, end - at);
        workspace.visit_source(at, size, workspace.memory, [&](pipeline::SourceBytes& bytes) {
            for (std::uint64_t done = 0; done < size; done += kPartBytes)
                quant::add_range(dtype_, bytes.part(done, std::min(kPartBytes, size - done)),
                                 ranges_[number]);
        });
    }
    workspace.add_progress(end - begin);
}

void ScanTask::finish(pipeline::PieceChecksums /*stored*/) {
    TensorResult result;
    for (const kernels::Range& range : ranges_)
        result.range = {std::min(result.range.min, range.min),
                        std::max(result.range.max, range.max), result.range.finite && range.finite};
    take_(number_, std::move(result));
}

}  // namespace octet::codecs
