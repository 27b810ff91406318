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
void decode_q4_0(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_q4_1(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_q5_0(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_q5_1(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_q8_0(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_q2_k(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_q3_k(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_q4_k(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_q5_k(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_q6_k(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_q8_k(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_iq2_xxs(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_iq2_xs(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_iq3_xxs(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_iq1_s(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_iq4_nl(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_iq3_s(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_iq2_s(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_iq4_xs(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_i8(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_i16(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_i32(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_i64(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_f64(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_iq1_m(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_bf16(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_tq1_0(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_tq2_0(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_mxfp4(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_nvfp4(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_q1_0(const std::byte* bytes, std::uint64_t blocks, float* values);
void decode_q2_0(const std::byte* bytes, std::uint64_t blocks, float* values);

}  // namespace octet::ggml
