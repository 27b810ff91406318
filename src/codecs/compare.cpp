// Pieces are cut by elements of A, so that one loop serves all dtypes; parts of 32 Ki elements of
// both sides pass through the second-level cache.
#include "codecs/compare.hpp"

#include <algorithm>

#include "base/checked.hpp"

namespace octet::codecs {
namespace {

/// Elements (or bytes) of a piece.
constexpr std::uint64_t kTileElements = 1U << 20U;

/// Elements at a time: values, stored bytes and working memory of both sides stay in the
/// second-level cache.
constexpr std::uint64_t kPartElements = 32U << 10U;

}  // namespace

void PairResult::merge(const PairResult& later) {
    sums.merge(later.sums);
    if (bytes_differ == 0) first_byte = later.first_byte;
    bytes_differ += later.bytes_differ;
}

/// What the pair is cut by: elements, or bytes.
std::uint64_t CompareTask::units() const {
    return pair_.as_bytes ? a_.byte_count(pair_.a)
                          : element_count(a_.tensors()[pair_.a].shape).value_or(0);
}

/// Bytes of A's dtype.
std::uint64_t CompareTask::progress_bytes() const {
    return pair_.as_bytes ? units() : units() * (dtype_bits(a_.tensors()[pair_.a].dtype) / 8);
}

std::uint64_t CompareTask::cut(std::uint64_t /*memory_bytes*/) {
    const std::uint64_t pieces = std::max<std::uint64_t>(divide_up(units(), kTileElements), 1);
    if (pieces > 1) results_.resize(pieces);
    return pieces;
}

void CompareTask::do_piece(std::uint64_t number, pipeline::Workspace& workspace) {
    if (results_.empty()) results_.resize(1);
    const std::uint64_t first = number * kTileElements;
    const Range range{first, std::min(kTileElements, units() - first)};
    const bool is_wide =
        a_.tensors()[pair_.a].dtype == Dtype::kF64 || b_.tensors()[pair_.b].dtype == Dtype::kF64;
    if (pair_.as_bytes) {
        compare_bytes(range, workspace.memory, results_[number]);
    } else if (is_wide) {
        compare_floats<double>(range, workspace.memory, results_[number]);
    } else {
        compare_floats<float>(range, workspace.memory, results_[number]);
    }
    workspace.add_progress(units() == 0 ? 0 : progress_bytes() / units() * range.count);
}

void CompareTask::finish(pipeline::PieceChecksums /*stored*/) {
    PairResult all;
    for (const PairResult& one : results_) all.merge(one);
    take_(number_, all);
}

template <typename T>
void CompareTask::compare_floats(const Range& range, pipeline::Bytes memory,
                                 PairResult& result) const {
    const std::uint64_t fitting =
        memory.size() / (2 * sizeof(T) + formats::FloatSource::kScratchBytes);
    const std::uint64_t wanted =
        std::max({kPartElements, a_.good_run(pair_.a), b_.good_run(pair_.b)});
    const std::uint64_t most =
        std::min(fitting, divide_up(wanted, kernels::kFoldElements) * kernels::kFoldElements);
    const std::uint64_t part = most - most % kernels::kFoldElements;
    auto* const values = reinterpret_cast<T*>(memory.data());
    const pipeline::Bytes scratch = memory.subspan(2 * part * sizeof(T));
    quant::DifferenceTile tile(pair_.scale, range.first);
    for (std::uint64_t done = 0; done < range.count; done += part) {
        const std::uint64_t count = std::min(part, range.count - done);
        const std::span<T> from_a(values, count);
        const std::span<T> from_b(values + part, count);
        a_.read(pair_.a, range.first + done, from_a, scratch);
        b_.read(pair_.b, range.first + done, from_b, scratch);
        tile.add(from_a, from_b);
    }
    result.sums = tile.sums();
}

void CompareTask::compare_bytes(const Range& range, pipeline::Bytes memory,
                                PairResult& result) const {
    const std::uint64_t part = std::min<std::uint64_t>(memory.size() / 2, kPartElements);
    for (std::uint64_t done = 0; done < range.count; done += part) {
        const std::uint64_t count = std::min(part, range.count - done);
        const pipeline::Bytes from_a = memory.first(count);
        const pipeline::Bytes from_b = memory.subspan(part, count);
        a_.read_bytes(pair_.a, range.first + done, from_a);
        b_.read_bytes(pair_.b, range.first + done, from_b);
        for (std::uint64_t i = 0; i < count; ++i) {
            if (from_a[i] == from_b[i]) continue;
            if (result.bytes_differ++ == 0) result.first_byte = range.first + done + i;
        }
    }
}

}  // namespace octet::codecs
