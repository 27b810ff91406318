// What the table of types needs of each type's file: a decoder of whole blocks, and how 16 blocks
// side by side are encoded. Nobody outside of this folder includes it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/ggml/blocks.hpp"
#include "quant/ggml/types.hpp"

namespace octet::ggml {

/// `blocks` blocks, one behind the other, at any alignment.
using Decode = void (*)(const std::byte* bytes, std::uint64_t blocks, float* values);

/// Where the encoder of a type lies in the table of an instruction set.
using Encode = kernels::ggml::EncodeBlocks kernels::ggml::Loops::*;

/// A row of the table in types.cpp.
struct TypeRow {
    TypeTraits traits;
    Decode decode;
    Encode encode;  ///< null: elements are converted one by one, or the type is not writable
};

/// Throws kInternal for what is no type of the table.
const TypeRow& row_of(Type type);

void decode_f32(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_f16(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_bf16(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_q8_0(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_q4_0(const std::byte* bytes, std::uint64_t blocks, float* values);

}  // namespace octet::ggml
