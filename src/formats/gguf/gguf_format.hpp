// The layout of a GGUF file, version 3, little endian (ggml: include/gguf.h):
//
//   "GGUF"  u32 3  u64 tensors  u64 keys
//   keys    string name, u32 type, value; an array is u32 type of its elements, u64 how many, and
//           those
//   infos   string name, u32 dimensions, u64 each, the fastest first, u32 type, u64 offset in the
//           data
//   zeros   up to a multiple of the alignment
//   data    each tensor, and zeros behind it up to a multiple of the alignment
//
// A string is u64 bytes and those bytes. Values; nothing here knows a file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "octet/dtype.hpp"

namespace octet::gguf {

inline constexpr std::string_view kMagic = "GGUF";
inline constexpr std::uint32_t kVersion = 3;

/// Where `general.alignment` says nothing else. Octet writes no other.
inline constexpr std::uint64_t kAlignment = 32;

/// llama.cpp has room for so much of a tensor's name, and for so many dimensions.
inline constexpr std::size_t kMostNameBytes = 63;
inline constexpr std::size_t kMostDimensions = 4;

/// Types of values, by their numbers in a file.
enum class ValueType : std::uint32_t {
    kU8 = 0,
    kI8 = 1,
    kU16 = 2,
    kI16 = 3,
    kU32 = 4,
    kI32 = 5,
    kF32 = 6,
    kBool = 7,
    kString = 8,
    kArray = 9,
    kU64 = 10,
    kI64 = 11,
    kF64 = 12,
};

/// The values that octet writes.
using Value =
    std::variant<std::uint16_t, std::uint32_t, std::int32_t, float, bool, std::string,
                 std::uint64_t, double, std::vector<std::uint8_t>, std::vector<std::int32_t>,
                 std::vector<float>, std::vector<double>, std::vector<std::string>>;

struct Key {
    std::string name;
    Value value;
};

using Keys = std::vector<Key>;

struct TensorInfo {
    std::string_view name;
    Shape shape;               ///< the slowest dimension first, as checkpoints have it
    std::uint32_t type = 0;    ///< ggml's number
    std::uint64_t offset = 0;  ///< in the data
};

constexpr std::uint64_t aligned(std::uint64_t bytes) noexcept {
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace octet::gguf
