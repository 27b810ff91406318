// numpy/lib/format.py specifies it: a magic, a version, the length of a Python dictionary in 16
// bits, the dictionary, and spaces up to a multiple of 64 bytes.
#include "formats/npy.hpp"

#include <string_view>

#include <fmt/format.h>

#include "octet/error.hpp"

namespace octet::formats {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kFixedBytes = 10;  // magic, version, length
constexpr std::size_t kMostLength = 65535;

std::string_view description_of(Dtype dtype) noexcept {
    switch (dtype) {
        case Dtype::kBool:
            return "|b1";
        case Dtype::kU8:
            return "|u1";
        case Dtype::kI8:
            return "|i1";
        case Dtype::kI16:
            return "<i2";
        case Dtype::kU16:
            return "<u2";
        case Dtype::kF16:
            return "<f2";
        case Dtype::kI32:
            return "<i4";
        case Dtype::kU32:
            return "<u4";
        case Dtype::kF32:
            return "<f4";
        case Dtype::kF64:
            return "<f8";
        case Dtype::kI64:
            return "<i8";
        case Dtype::kU64:
            return "<u8";
        default:
            return {};
    }
}

}  // namespace

std::optional<Dtype> npy_dtype(Dtype dtype) noexcept {
    if (dtype == Dtype::kBF16) return Dtype::kF32;
    return description_of(dtype).empty() ? std::nullopt : std::optional(dtype);
}

std::string npy_header(Dtype dtype, const Shape& shape) {
    std::string dimensions;
    for (const std::uint64_t length : shape)
        dimensions += fmt::format("{}{}", dimensions.empty() ? "" : ", ", length);
    if (shape.size() == 1) dimensions += ',';
    std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
                                   description_of(dtype), dimensions);
    const std::size_t end = kFixedBytes + text.size() + 1;
    text.append((kAlignment - end % kAlignment) % kAlignment, ' ');
    text += '\n';
    if (text.size() > kMostLength)
        throw Error(ErrorCode::kBadInput,
                    fmt::format("{} dimensions are too many for an .npy file", shape.size()));
    std::string header("\x93NUMPY\x01\x00", 8);
    header += static_cast<char>(text.size() & 0xFFU);
    header += static_cast<char>(text.size() >> 8U);
    return header + text;
}

}  // namespace octet::formats
