// What happens to the elements of a tensor once they are in memory: the codec applied, statistics gathered, values refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "quant/checksum.hpp"
#include "quant/exact_sums.hpp"
#include "run/engine.hpp"
#include "run/source_bytes.hpp"

namespace octet::run {

class OutputStream;

/// True for jobs whose source and output bytes get a checksum.
bool makes_checksums(const TensorJob& job) noexcept;

/// kBadInput naming the tensor, the element and what it holds.
[[noreturn]] void throw_not_finite(const TensorJob& job, double value, std::uint64_t element);

/// kBadInput where a value overflowed the target dtype.
void throw_if_overflowed(const TensorJob& job, const kernels::Narrowing& narrowing);

/// What one tile has found out.
struct TileResult {
    kernels::LaneSums lanes{};
    std::uint64_t clipped = 0;
    kernels::Narrowing narrowing{};
    std::optional<quant::ExactSums> exact;  ///< instead of the lanes, where their squares overflowed or vanished
};

/// Extends `range` by bytes [from, from + size) of `source`, elements from `first_element` of the tensor on. A value that is not finite:
/// kBadInput, unless the job is a scan. `hasher` gets the same bytes while they are in the cache.
void add_range(const TensorJob& job, SourceBytes& source, std::uint64_t from, std::uint64_t size,
               std::uint64_t first_element, kernels::Range& range, quant::PieceHasher& hasher);

/// The range of a tensor is complete: makes its state. A range that overflows float32, or whose ends would come back infinite: kBadInput, unless
/// the job is a scan.
void settle_range(TensorJob& job);

/// Takes elements of one tile through the codec.
void encode(const TensorJob& job, ConstBytes source, Bytes target, TileResult& result);

/// True where the sums of a tile of so many elements must be formed again, by add_exact_sums() of all its bytes in order.
bool needs_exact_sums(const TensorJob& job, const TileResult& result, std::uint64_t elements) noexcept;
void add_exact_sums(const TensorJob& job, ConstBytes source, TileResult& result);

/// Adds a finished tile to the tensor's statistics; tiles are added in order. A value that overflowed the target dtype: kBadInput.
void add_tile(TensorJob& job, const TileResult& result);

/// Hashers of a worker, which outlive the jumps out of mapped memory; empty between tensors.
struct Hashers {
    quant::PieceHasher source;
    quant::PieceHasher stored;
};

/// A tensor whose source fits in memory, from byte `from` of `source` on: range, state and codec, tile by tile for the statistics, and its
/// checksums.
void encode_whole(TensorJob& job, SourceBytes& source, std::uint64_t from, OutputStream& output, Hashers& hashers);

/// Elements of the job that are taken through the codec at a time: whole folding blocks, and whole parts fill a chunk.
std::uint64_t part_elements(const TensorJob& job) noexcept;

}  // namespace octet::run
