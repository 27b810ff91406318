// Which loops of kernels/ggml run, and encoding with loops that a test names.
#pragma once

#include "kernels/ggml/blocks.hpp"
#include "quant/ggml/encode.hpp"

namespace octet::ggml {

/// Those of the instruction set in use (see quant/active_kernels.hpp).
const kernels::ggml::Loops& active_loops();

/// encode() on those loops.
Encoded encode_with(const kernels::ggml::Loops& loops, Type type, const float* values,
                    std::uint64_t rows, std::uint64_t columns, const float* weights, Search search,
                    std::byte* blocks);

}  // namespace octet::ggml
