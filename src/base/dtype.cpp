// The dtypes of safetensors as one table: name, bits an element, and whether octet quantizes it.
// Elements and bytes of a shape are overflow-checked products.
#include "octet/dtype.hpp"

#include <array>

#include "base/checked.hpp"

namespace octet {
namespace {

struct DtypeFacts {
    std::string_view name;
    unsigned bits;
};

constexpr std::array<DtypeFacts, kDtypeCount> kFacts = {{
    {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
    {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
    {"I64", 64},        {"U64", 64},
}};

}  // namespace

std::string_view dtype_name(Dtype dtype) noexcept {
    return kFacts[static_cast<std::size_t>(dtype)].name;
}

std::optional<Dtype> parse_dtype(std::string_view name) noexcept {
    for (std::size_t i = 0; i < kFacts.size(); ++i) {
        if (kFacts[i].name == name) return static_cast<Dtype>(i);
    }
    return std::nullopt;
}

unsigned dtype_bits(Dtype dtype) noexcept {
    return kFacts[static_cast<std::size_t>(dtype)].bits;
}

bool is_quantizable(Dtype dtype) noexcept {
    return dtype == Dtype::kF16 || dtype == Dtype::kBF16 || dtype == Dtype::kF32 ||
           dtype == Dtype::kF64;
}

std::optional<std::uint64_t> element_count(const Shape& shape) noexcept {
    std::uint64_t count = 1;
    for (const std::uint64_t dimension : shape) {
        const auto product = checked_multiply(count, dimension);
        if (!product) return std::nullopt;
        count = *product;
    }
    return count;
}

std::optional<std::uint64_t> tensor_bytes(Dtype dtype, const Shape& shape) noexcept {
    const auto count = element_count(shape);
    if (!count) return std::nullopt;
    const auto bits = checked_multiply(*count, dtype_bits(dtype));
    if (!bits || *bits % 8 != 0) return std::nullopt;
    return *bits / 8;
}

}  // namespace octet
