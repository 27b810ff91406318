// How decoders of ggml's blocks read numbers, which lie in blocks at any alignment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace octet::ggml {

template <typename T>
inline T load(const std::byte* from) {
    T value;
    std::memcpy(&value, from, sizeof(T));
    return value;
}

/// Byte `index` as a number.
inline std::uint32_t byte_at(const std::byte* from, std::size_t index) {
    return std::to_integer<std::uint32_t>(from[index]);
}

inline float signed_byte_at(const std::byte* from, std::size_t index) {
    return static_cast<float>(std::to_integer<std::int8_t>(from[index]));
}

/// An F16 number, exactly (see kernels/scalar_text.hpp: the exponent is moved by a multiplication).
inline float load_f16(const std::byte* from) {
    const std::uint32_t half = load<std::uint16_t>(from);
    const std::uint32_t sign = (half & 0x8000U) << 16U;
    const std::uint32_t magnitude = half & 0x7FFFU;
    float moved;
    const std::uint32_t raised = magnitude << 13U;
    std::memcpy(&moved, &raised, sizeof(moved));
    moved *= 0x1p112F;
    std::uint32_t bits;
    std::memcpy(&bits, &moved, sizeof(bits));
    if (magnitude >= 0x7C00U) bits = 0x7F800000U | raised | (magnitude > 0x7C00U ? 0x400000U : 0U);
    bits |= sign;
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
}

}  // namespace octet::ggml
