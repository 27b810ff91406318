#include "run/tile_work.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/values.hpp"
#include "run/output_queue.hpp"
#include "run/steps.hpp"

namespace octet::run {
namespace {

/// What both the range and the hash go over before the next part: stays in the second-level cache, whole elements of every dtype.
constexpr std::uint64_t kCacheBytes = 128U << 10U;

/// Output that is made at a time, and hashed while it is in the second-level cache.
constexpr std::uint64_t kPartBytes = 128U << 10U;
static_assert(kHashedChunkBytes % kPartBytes == 0 && kPlainChunkBytes % kPartBytes == 0);

bool has_range(const TensorJob& job) {
    return job.codec == Codec::kQuantize || job.codec == Codec::kScan;
}

[[noreturn]] void refuse(const TensorJob& job, std::string_view where) {
    throw Error(
        ErrorCode::kBadInput, printable(job.source->name()),
        fmt::format("tensor {} holds {}, which is not a finite float32; --on-non-finite keep copies such tensors",
                    in_quotes(job.name), where));
}

[[noreturn]] void throw_first_not_finite(const TensorJob& job, ConstBytes source, std::uint64_t first_element) {
    const auto found = quant::first_non_finite(job.source_dtype, source);
    if (!found) refuse(job, "a value");
    throw_not_finite(job, found->value, first_element + found->element);
}

}  // namespace

void throw_not_finite(const TensorJob& job, double value, std::uint64_t element) {
    if (std::isfinite(value))
        throw Error(ErrorCode::kBadInput, printable(job.source->name()),
                    fmt::format("tensor {} holds {} at {}, which is finite but beyond float32; --on-non-finite keep "
                                "copies such tensors",
                                in_quotes(job.name), value, index_text(element, *job.shape)));
    refuse(job, fmt::format("{} at {}", value, index_text(element, *job.shape)));
}

void throw_if_overflowed(const TensorJob& job, const kernels::Narrowing& narrowing) {
    if (!narrowing.overflowed) return;
    throw Error(ErrorCode::kBadInput, printable(job.source->name()),
                fmt::format("tensor {} holds values that overflow {}; choose --dtype f32 or bf16", in_quotes(job.name),
                            dtype_name(job.target_dtype)));
}

bool makes_checksums(const TensorJob& job) noexcept {
    return job.codec == Codec::kQuantize || job.codec == Codec::kCopy || job.codec == Codec::kQuantizeBlocks;
}

void add_range(const TensorJob& job, SourceBytes& source, std::uint64_t from, std::uint64_t size,
               std::uint64_t first_element, kernels::Range& range, quant::PieceHasher& hasher) {
    const std::uint64_t each = dtype_bits(job.source_dtype) / 8;
    for (std::uint64_t at = 0; at < size; at += kCacheBytes) {
        const ConstBytes part = source.part(from + at, std::min(kCacheBytes, size - at));
        const bool together = job.source_dtype == Dtype::kF32 && job.codec != Codec::kScan;
        if (together) {
            hasher.add_values(part, range);
        } else {
            if (job.codec != Codec::kScan) hasher.add(part);  // first: it asks for memory soonest
            quant::add_range(job.source_dtype, part, range);
        }
        if (job.codec != Codec::kScan && !range.finite) throw_first_not_finite(job, part, first_element + at / each);
    }
}

void settle_range(TensorJob& job) {
    if (job.codec == Codec::kScan) return;
    if (quant::overflows(job.range)) {
        throw Error(ErrorCode::kBadInput, printable(job.source->name()),
                    fmt::format("tensor {} spans {} to {}, a range that overflows float32; --on-non-finite keep copies "
                                "such tensors",
                                in_quotes(job.name), job.range.min, job.range.max));
    }
    job.state = quant::affine_state(job.range);
}

void encode(const TensorJob& job, ConstBytes source, Bytes target, TileResult& result) {
    switch (job.codec) {
        case Codec::kQuantize:
            quant::quantize_values(job.source_dtype, source, quant::loop_parameters(job.state, job.range), job.rounding,
                                   target, result.lanes);
            if (quant::may_clip(job.state, job.range, job.rounding)) {
                result.clipped += quant::count_clipped(job.source_dtype, source, job.state, job.rounding);
            }
            break;
        case Codec::kDequantize:
            quant::restore_values(source, job.state, job.target_dtype, target, result.narrowing);
            break;
        case Codec::kConvert:
            quant::convert_values(job.source_dtype, source, job.target_dtype, target, result.narrowing);
            break;
        case Codec::kCopy:
            std::copy(source.begin(), source.end(), target.begin());
            break;
        case Codec::kScan:
        case Codec::kQuantizeBlocks:
        case Codec::kRestoreBlocks:
        case Codec::kCheckBlocks:
        case Codec::kMeasureBlocks:
            break;  // nothing to write, or run/block_work does it
    }
}

void add_tile(TensorJob& job, const TileResult& result) {
    if (job.codec == Codec::kQuantize) {
        quant::ErrorSums sums = quant::tile_sums(result.lanes, quant::loop_parameters(job.state, job.range));
        sums.clipped = result.clipped;
        job.sums.merge(sums);
    }
    kernels::Narrowing& all = job.narrowing;
    all.max_abs_difference = std::max(all.max_abs_difference, result.narrowing.max_abs_difference);
    all.overflowed = all.overflowed || result.narrowing.overflowed;
    throw_if_overflowed(job, result.narrowing);
}

std::uint64_t part_elements(const TensorJob& job) noexcept {
    return kPartBytes / (dtype_bits(job.target_dtype) / 8);
}

void encode_whole(TensorJob& job, SourceBytes& source, std::uint64_t from, OutputStream& output, Hashers& hashers) {
    if (has_range(job)) {
        job.range = quant::empty_range();
        add_range(job, source, from, job.source_bytes(), 0, job.range, hashers.source);
        settle_range(job);
        job.source_checksum = quant::checksum_of_pieces(hashers.source.take_pieces());
    }
    if (job.codec == Codec::kScan) return;
    const std::uint64_t source_each = dtype_bits(job.source_dtype) / 8;
    const std::uint64_t target_each = dtype_bits(job.target_dtype) / 8;
    const std::uint64_t tile = tile_elements(job);
    const std::uint64_t part = part_elements(job);
    TileResult result;
    for (std::uint64_t first = 0; first < job.elements;) {
        const std::uint64_t tile_end = std::min(first - first % tile + tile, job.elements);
        const std::uint64_t count = std::min(part, tile_end - first);
        const Bytes target = output.next(count * target_each);
        encode(job, source.part(from + first * source_each, count * source_each), target, result);
        if (makes_checksums(job)) hashers.stored.add(target);
        first += count;
        if (first < tile_end) continue;
        add_tile(job, result);
        result = {};
    }
    if (!makes_checksums(job)) return;
    job.stored_checksum = quant::checksum_of_pieces(hashers.stored.take_pieces());
    if (job.codec == Codec::kCopy) job.source_checksum = job.stored_checksum;
}

}  // namespace octet::run
