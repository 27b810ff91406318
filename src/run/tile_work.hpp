// What happens to the elements of a tensor once they are in memory: the codec applied, statistics gathered, values refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "quant/checksum.hpp"
#include "run/engine.hpp"

namespace octet::run {

using Bytes = std::span<std::byte>;
using ConstBytes = std::span<const std::byte>;

/// True for jobs whose source and output bytes get a checksum.
bool makes_checksums(const TensorJob& job) noexcept;

/// What one tile has found out.
struct TileResult {
    kernels::LaneSums lanes{};
    std::uint64_t clipped = 0;
    kernels::Narrowing narrowing{};
};

/// Extends `range` by the elements of `source`, which start at `first_element` of the tensor. A value that is not finite: kBadInput,
/// unless the job is a scan. `hasher` gets the same bytes while they are in the cache.
void add_range(const TensorJob& job, ConstBytes source, std::uint64_t first_element, kernels::Range& range,
               quant::PieceHasher& hasher);

/// The range of a tensor is complete: makes its state. A range that overflows float32: kBadInput, unless the job is a scan.
void settle_range(TensorJob& job);

/// Takes elements of one tile through the codec.
void encode(const TensorJob& job, ConstBytes source, Bytes target, TileResult& result);

/// Adds a finished tile to the tensor's statistics; tiles are added in order. A value that overflowed the target dtype: kBadInput.
void add_tile(TensorJob& job, const TileResult& result);

/// Hashers of a worker, which outlive the jumps out of mapped memory; empty between tensors.
struct Hashers {
    quant::PieceHasher source;
    quant::PieceHasher stored;
};

/// A tensor that lies in memory whole: range, state and codec, tile by tile for the statistics, and its checksums.
void encode_whole(TensorJob& job, ConstBytes source, Bytes target, Hashers& hashers);

}  // namespace octet::run
