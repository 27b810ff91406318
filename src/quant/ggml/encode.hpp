// Floats to blocks of ggml. Every row is a whole number of blocks and is encoded by itself: bytes
// depend neither on how rows are grouped into calls, nor on threads, nor on the instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quant/ggml/types.hpp"

namespace octet::ggml {

/// How the scales of a block are chosen.
enum class Search : std::uint8_t {
    kMinMax,  ///< from the ends of the values; of Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 llama-quantize's own
              ///< bytes
    kBest,  ///< the least (weighted) sum of squared errors that a search finds; never above kMinMax
};

/// What a caller must know of what it encoded; the bytes are of no use where either is set.
struct Encoded {
    bool not_finite = false;  ///< a value was NaN or infinite
    bool overflow = false;    ///< a scale, or an element of F16 or BF16, became infinite
};

/// Rows that rows are best handed over in a multiple of: SIMD lanes are rows.
inline constexpr std::uint64_t kEncodeRows = 16;

/// Encodes `rows` rows of `columns` values, one behind the other, into rows * row_bytes(type,
/// columns) bytes. `weights`: importance of the squared error of each column, finite and not
/// negative; null: all the same. kMinMax does not look at them. `type` is writable.
Encoded encode(Type type, const float* values, std::uint64_t rows, std::uint64_t columns,
               const float* weights, Search search, std::byte* blocks);

}  // namespace octet::ggml
