// The one table of ggml's types: a row each, with the functions of the type's own file.
#include "quant/ggml/types.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/checked.hpp"
#include "octet/error.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {
namespace {

using kernels::ggml::Loops;

// clang-format off
constexpr TypeRow kRows[] = {
    // number          name      elements bytes writable  decoder        encoder
    {{Type::kF32,     "f32",        1,    4,   true},    decode_f32,    nullptr},
    {{Type::kF16,     "f16",        1,    2,   true},    decode_f16,    nullptr},
    {{Type::kQ4_0,    "q4_0",      32,   18,   true},    decode_q4_0,   &Loops::q4_0},
    {{Type::kQ8_0,    "q8_0",      32,   34,   true},    decode_q8_0,   &Loops::q8_0},
    {{Type::kBF16,    "bf16",       1,    2,   true},    decode_bf16,   nullptr},
};
// clang-format on

constexpr auto kTraits = [] {
    std::array<TypeTraits, std::size(kRows)> traits = {};
    for (std::size_t i = 0; i < traits.size(); ++i) traits[i] = kRows[i].traits;
    return traits;
}();

bool same_letters(std::string_view any_case, std::string_view lower) {
    return std::equal(any_case.begin(), any_case.end(), lower.begin(), lower.end(), [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + ('a' - 'A')) : a) == b;
    });
}

}  // namespace

std::span<const TypeTraits> all_types() {
    return kTraits;
}

const TypeTraits* find_type(std::uint32_t number) {
    for (const TypeTraits& traits : kTraits) {
        if (static_cast<std::uint32_t>(traits.type) == number) return &traits;
    }
    return nullptr;
}

const TypeTraits* find_type(std::string_view name) {
    for (const TypeTraits& traits : kTraits) {
        if (same_letters(name, traits.name)) return &traits;
    }
    return nullptr;
}

const TypeRow& row_of(Type type) {
    for (const TypeRow& row : kRows) {
        if (row.traits.type == type) return row;
    }
    throw Error(ErrorCode::kInternal, "ggml type", std::to_string(static_cast<std::uint32_t>(type)) + " has no row");
}

const TypeTraits& traits_of(Type type) {
    return row_of(type).traits;
}

bool fits_row(Type type, std::uint64_t elements) {
    return elements % traits_of(type).block_elements == 0;
}

std::uint64_t row_bytes(Type type, std::uint64_t elements) {
    const TypeTraits& traits = traits_of(type);
    const auto bytes = checked_multiply(elements / traits.block_elements, traits.block_bytes);
    if (elements % traits.block_elements != 0 || !bytes) {
        throw Error(ErrorCode::kInternal, traits.name, "no row has " + std::to_string(elements) + " elements");
    }
    return *bytes;
}

}  // namespace octet::ggml
