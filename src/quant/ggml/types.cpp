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
    // number             name  elements bytes writable  decoder        encoder
    {{Type::kF32,     "f32",        1,    4, true},  decode_f32,     nullptr},
    {{Type::kF16,     "f16",        1,    2, true},  decode_f16,     nullptr},
    {{Type::kQ4_0,    "q4_0",      32,   18, true},  decode_q4_0,    &Loops::q4_0},
    {{Type::kQ4_1,    "q4_1",      32,   20, true},  decode_q4_1,    &Loops::q4_1},
    {{Type::kQ5_0,    "q5_0",      32,   22, true},  decode_q5_0,    &Loops::q5_0},
    {{Type::kQ5_1,    "q5_1",      32,   24, true},  decode_q5_1,    &Loops::q5_1},
    {{Type::kQ8_0,    "q8_0",      32,   34, true},  decode_q8_0,    &Loops::q8_0},
    {{Type::kQ2_K,    "q2_k",     256,   84, true},  decode_q2_k,    &Loops::q2_k},
    {{Type::kQ3_K,    "q3_k",     256,  110, true},  decode_q3_k,    &Loops::q3_k},
    {{Type::kQ4_K,    "q4_k",     256,  144, true},   decode_q4_k,    &Loops::q4_k},
    {{Type::kQ5_K,    "q5_k",     256,  176, true},  decode_q5_k,    &Loops::q5_k},
    {{Type::kQ6_K,    "q6_k",     256,  210, true},  decode_q6_k,    &Loops::q6_k},
    {{Type::kQ8_K,    "q8_k",     256,  292, false},  decode_q8_k,    nullptr},
    {{Type::kIQ2_XXS, "iq2_xxs",  256,   66, false},  decode_iq2_xxs, nullptr},
    {{Type::kIQ2_XS,  "iq2_xs",   256,   74, false},  decode_iq2_xs,  nullptr},
    {{Type::kIQ3_XXS, "iq3_xxs",  256,   98, false},  decode_iq3_xxs, nullptr},
    {{Type::kIQ1_S,   "iq1_s",    256,   50, false},  decode_iq1_s,   nullptr},
    {{Type::kIQ4_NL,  "iq4_nl",    32,   18, true},  decode_iq4_nl,  &Loops::iq4_nl},
    {{Type::kIQ3_S,   "iq3_s",    256,  110, false},  decode_iq3_s,   nullptr},
    {{Type::kIQ2_S,   "iq2_s",    256,   82, false},  decode_iq2_s,   nullptr},
    {{Type::kIQ4_XS,  "iq4_xs",   256,  136, false},  decode_iq4_xs,  nullptr},
    {{Type::kI8,      "i8",         1,    1, false},  decode_i8,      nullptr},
    {{Type::kI16,     "i16",        1,    2, false},  decode_i16,     nullptr},
    {{Type::kI32,     "i32",        1,    4, false},  decode_i32,     nullptr},
    {{Type::kI64,     "i64",        1,    8, false},  decode_i64,     nullptr},
    {{Type::kF64,     "f64",        1,    8, false},  decode_f64,     nullptr},
    {{Type::kIQ1_M,   "iq1_m",    256,   56, false},  decode_iq1_m,   nullptr},
    {{Type::kBF16,    "bf16",       1,    2, true},  decode_bf16,    nullptr},
    {{Type::kTQ1_0,   "tq1_0",    256,   54, false},  decode_tq1_0,   nullptr},
    {{Type::kTQ2_0,   "tq2_0",    256,   66, false},  decode_tq2_0,   nullptr},
    {{Type::kMXFP4,   "mxfp4",     32,   17, false},  decode_mxfp4,   nullptr},
    {{Type::kNVFP4,   "nvfp4",     64,   36, false},  decode_nvfp4,   nullptr},
    {{Type::kQ1_0,    "q1_0",     128,   18, false},  decode_q1_0,    nullptr},
    {{Type::kQ2_0,    "q2_0",      64,   18, false},  decode_q2_0,    nullptr},
};
// clang-format on

constexpr auto kTraits = [] {
    std::array<TypeTraits, std::size(kRows)> traits = {};
    for (std::size_t i = 0; i < traits.size(); ++i) traits[i] = kRows[i].traits;
    return traits;
}();

bool same_letters(std::string_view any_case, std::string_view lower) {
    return std::equal(
        any_case.begin(), any_case.end(), lower.begin(), lower.end(), [](char a, char b) {
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
    throw Error(ErrorCode::kInternal, "ggml type",
                std::to_string(static_cast<std::uint32_t>(type)) + " has no row");
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
        throw Error(ErrorCode::kInternal, traits.name,
                    "no row has " + std::to_string(elements) + " elements");
    }
    return *bytes;
}

}  // namespace octet::ggml
