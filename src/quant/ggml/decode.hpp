// Blocks of ggml to floats, equal to ggml's own to the bit.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quant/ggml/types.hpp"

namespace octet::ggml {

/// `elements` values, a whole number of blocks. `blocks` may have any alignment. F64 and integers
/// are rounded to the nearest float.
void decode(Type type, const std::byte* blocks, std::uint64_t elements, float* values);

}  // namespace octet::ggml
