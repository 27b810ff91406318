// The loops that encode blocks of ggml: 16 blocks at a time, one a lane, each from another row at
// the same columns, so that no loop ever adds across lanes and the weights of columns are the same
// for all lanes. One text serves every instruction set and, one lane at a time, the scalar
// specification; all give the same bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.hpp"

namespace octet::kernels::ggml {

/// Blocks of a call.
inline constexpr std::size_t kRows = 16;

/// Of all types.
inline constexpr std::size_t kMostBlockBytes = 292;
inline constexpr std::size_t kMostBlockElements = 256;

/// 16 blocks. Rows and blocks may repeat; blocks have any alignment.
struct Blocks {
    const float* const* rows;  ///< [16]: the elements of each block, finite
    const float* weights;  ///< of the squared error of each element, finite, not negative; null: 1
    unsigned char* const* blocks;  ///< [16]
    bool search;                   ///< for the least error; else from the ends of the values
};

/// Returns false where a scale became infinite.
using EncodeBlocks = bool (*)(const Blocks& blocks);

/// One implementation of every loop, under the names of the types.
struct Loops {
    const char* name;
    EncodeBlocks q4_0;
    EncodeBlocks q4_1;
    EncodeBlocks q5_0;
    EncodeBlocks q5_1;
    EncodeBlocks q8_0;
    EncodeBlocks q2_k;
    EncodeBlocks q3_k;
    EncodeBlocks q4_k;
    EncodeBlocks q5_k;
    EncodeBlocks q6_k;
    EncodeBlocks iq4_nl;
};

/// The loops for that instruction set, or null when not built in or not supported here.
const Loops* loops_for(Isa isa) noexcept;

}  // namespace octet::kernels::ggml
