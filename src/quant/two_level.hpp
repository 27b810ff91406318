// Two-level schemes: groups whose scales and zero points are small integers against one F16 pair
// for each superblock, a run of inputs of one output. Codes count from the middle of their range,
// so that zero points are small and of both signs:
//
//   scale      = small_scale * super_scale                  float32 products, each rounded
//   zero_point = small_zero_point * super_zero_point
//   x'         = (code - code_offset) * scale + zero_point  product, then sum, each rounded
//
// Pure functions on blocks of 16 outputs; the arithmetic is in kernels/two_level_text.hpp, formulas
// and figures in docs/quantization.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "kernels/kernels.hpp"
#include "octet/scheme.hpp"

namespace octet::quant {

/// What a two-level scheme's name does not say; the sidecar does, for each tensor.
struct TwoLevelShape {
    std::uint32_t superblock =
        0;  ///< inputs under one pair of floats: a multiple of the group size, at most 64 groups
    std::uint32_t scale_bits = 0;  ///< of a small scale, 1 .. 8
    std::uint32_t zero_point_bits =
        0;  ///< of a small zero point, two's complement, 2 .. 8; 0 for symmetric codes
    std::uint32_t code_offset =
        0;  ///< the code that stands for 0 steps: 2^(bits-1); 0 for symmetric codes

    friend bool operator==(const TwoLevelShape&, const TwoLevelShape&) = default;
};

/// The shape that octet gives to `scheme`, which must be possible and two-level: 4 bits a small
/// number in groups of up to 20, 5 up to 28, 6 above; superblocks of 1024 inputs or, where that is
/// no multiple of the group size, a little more; at least 4 groups.
TwoLevelShape two_level_shape(const Scheme& scheme) noexcept;

/// The four numbers with the keys that they have in the sidecar.
std::array<std::pair<std::string_view, std::uint32_t>, 4> named_numbers(
    const TwoLevelShape& shape) noexcept;

/// Small numbers and super floats of one superblock of 16 outputs, whose inputs are at most a
/// superblock. With RangeSearch::kMse by a local search for the least (weighted) squared error,
/// never worse than without: then every value is reached unless F16 cannot hold the super scale.
/// Super zero points of symmetric codes are 0. The same bits from every table of loops.
void search_superblock(const kernels::ColumnBlock& block, const Scheme& scheme,
                       const TwoLevelShape& shape, const kernels::Kernels& loops,
                       kernels::TwoLevelState& state);

}  // namespace octet::quant
