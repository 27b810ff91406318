// The element types of ggml, which llama.cpp stores in GGUF files: number, name, and the block of
// which a row consists. One table (types.cpp) holds them all, so a type is one row there and one
// file beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace octet::ggml {

/// The numbers that GGUF files store.
enum class Type : std::uint32_t {
    kF32 = 0,
    kF16 = 1,
    kQ4_0 = 2,
    kQ4_1 = 3,
    kQ5_0 = 6,
    kQ5_1 = 7,
    kQ8_0 = 8,
    kQ2_K = 10,
    kQ3_K = 11,
    kQ4_K = 12,
    kQ5_K = 13,
    kQ6_K = 14,
    kQ8_K = 15,
    kIQ2_XXS = 16,
    kIQ2_XS = 17,
    kIQ3_XXS = 18,
    kIQ1_S = 19,
    kIQ4_NL = 20,
    kIQ3_S = 21,
    kIQ2_S = 22,
    kIQ4_XS = 23,
    kI8 = 24,
    kI16 = 25,
    kI32 = 26,
    kI64 = 27,
    kF64 = 28,
    kIQ1_M = 29,
    kBF16 = 30,
    kTQ1_0 = 34,
    kTQ2_0 = 35,
    kMXFP4 = 39,
    kNVFP4 = 40,
    kQ1_0 = 41,
    kQ2_0 = 42,
};

/// What is known of a type without looking at values.
struct TypeTraits {
    Type type;
    std::string_view name;         ///< as octet writes it: "q4_k"
    std::uint32_t block_elements;  ///< a row is a whole number of blocks
    std::uint32_t block_bytes;
    bool writable;  ///< encode() takes it; decode() takes every type of the table
};

/// All types, by number.
std::span<const TypeTraits> all_types();

/// Null where octet does not know the type.
const TypeTraits* find_type(std::uint32_t number);
const TypeTraits* find_type(std::string_view name);  ///< upper or lower case: "Q4_K", "q4_k"

const TypeTraits& traits_of(Type type);

/// Bytes of `elements` values in a row. Throws kInternal where they are no whole number of blocks
/// (ask fits_row() first) or the sum overflows.
std::uint64_t row_bytes(Type type, std::uint64_t elements);

/// True where a row of `elements` values is a whole number of blocks.
bool fits_row(Type type, std::uint64_t elements);

}  // namespace octet::ggml
