// What happens to the elements of a tensor once they are in memory: the codec applied, statistics gathered, values refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "run/engine.hpp"

namespace octet::run {

using Bytes = std::span<std::byte>;
using ConstBytes = std::span<const std::byte>;

/// What one tile has found out.
struct TileResult {
    kernels::LaneSums lanes{};
    std::uint64_t clipped = 0;
    kernels::Narrowing narrowing{};
};

/// Extends `range` by the elements of `source`, which start at `first_element` of the tensor. A value that is not finite: kBadInput,
/// unless the job is a scan.
void add_range(const TensorJob& job, ConstBytes source, std::uint64_t first_element, kernels::Range& range);

/// The range of a tensor is complete: makes its state. A range that overflows float32: kBadInput, unless the job is a scan.
void settle_range(TensorJob& job);

/// Takes elements of one tile through the codec.
void encode(const TensorJob& job, ConstBytes source, Bytes target, TileResult& result);

/// Adds a finished tile to the tensor's statistics; tiles are added in order. A value that overflowed the target dtype: kBadInput.
void add_tile(TensorJob& job, const TileResult& result);

/// A tensor that lies in memory whole: range, state and codec, tile by tile for the statistics.
void encode_whole(TensorJob& job, ConstBytes source, Bytes target);

}  // namespace octet::run
