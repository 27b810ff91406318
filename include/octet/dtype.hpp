// The element types of the safetensors format (safetensors: tensor.rs, enum Dtype). Plain values,
// no ownership.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace octet {

/// Every dtype that a safetensors header may name, in the order of the format's own enumeration.
enum class Dtype : std::uint8_t {
    kBool,
    kF4,
    kF6E2M3,
    kF6E3M2,
    kU8,
    kI8,
    kF8E5M2,
    kF8E4M3,
    kF8E8M0,
    kF8E4M3Fnuz,
    kF8E5M2Fnuz,
    kI16,
    kU16,
    kF16,
    kBF16,
    kI32,
    kU32,
    kF32,
    kC64,
    kF64,
    kI64,
    kU64,
};

/// Number of dtypes above.
inline constexpr int kDtypeCount = 22;

/// A tensor's dimensions, outermost first (C order). Empty: a scalar of one element.
using Shape = std::vector<std::uint64_t>;

/// The name in a header, such as "BF16".
std::string_view dtype_name(Dtype dtype) noexcept;

/// The dtype of that name, or nothing if the format has none.
std::optional<Dtype> parse_dtype(std::string_view name) noexcept;

/// Bits of one element: 4, 6, 8, 16, 32 or 64.
unsigned dtype_bits(Dtype dtype) noexcept;

/// True for the dtypes that octet quantizes and restores: F16, BF16, F32, F64. All others are
/// copied.
bool is_quantizable(Dtype dtype) noexcept;

/// Bytes of a tensor, or nothing if the product overflows 64 bits or does not fill whole bytes.
std::optional<std::uint64_t> tensor_bytes(Dtype dtype, const Shape& shape) noexcept;

/// Elements of a tensor (1 for a scalar), or nothing if the product overflows 64 bits.
std::optional<std::uint64_t> element_count(const Shape& shape) noexcept;

}  // namespace octet
