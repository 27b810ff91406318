// The header of a GGUF file of anybody (gguf_format.hpp has the layout; version 2 is the same),
// read and validated in full before anything else happens. It is as strict as the header of
// safetensors: every count is held against the bytes that are there, every sum is checked, names
// are unique, tensors are aligned, in the file, and apart from each other. Arrays, of which a
// vocabulary has hundreds of thousands of elements, are walked but not kept: read_values.hpp reads
// them where they lie.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf/gguf_format.hpp"
#include "io/file.hpp"
#include "quant/ggml/types.hpp"

namespace octet::gguf {

/// Keys and infos of more bytes are refused: those of the largest vocabularies are a tenth of it.
inline constexpr std::uint64_t kMostHeaderBytes = 256U << 20U;

/// Arrays in arrays in arrays.
inline constexpr int kMostDepth = 32;

/// NumPy has no more dimensions, so gguf-py reads no more.
inline constexpr std::uint32_t kMostReadDimensions = 64;

/// A key as it stands in a file.
struct ReadKey {
    std::string name;
    ValueType type = ValueType::kU8;
    std::uint64_t bits = 0;              ///< of a number or a flag: its bytes, zeros above them
    std::string text = {};               ///< of a string
    ValueType element = ValueType::kU8;  ///< of an array
    std::uint64_t count = 0;             ///< of an array: its elements
    std::uint64_t offset =
        0;  ///< in the file: of an array's first element, or a string's first byte
};

/// A tensor as it stands in a file.
struct ReadTensor {
    std::string name;
    Shape shape;  ///< the slowest dimension first, as checkpoints have it
    ggml::Type type = ggml::Type::kF32;
    std::uint64_t offset = 0;  ///< absolute
    std::uint64_t byte_count = 0;
    std::uint32_t number = 0;  ///< in the order of the infos
    std::uint32_t file = 0;    ///< of several that belong together
};

struct Header {
    std::uint32_t version = kVersion;
    std::uint64_t alignment = kAlignment;
    std::vector<ReadKey> keys;        ///< in the order of the file
    std::vector<ReadTensor> tensors;  ///< in the order of their data
    std::uint64_t data_start = 0;     ///< absolute
};

/// Fills the span with the bytes from that offset on, which are there. kIo.
using ReadAt = std::function<void(std::span<std::byte> bytes, std::uint64_t offset)>;

/// Reads and validates the header of an open file. Every violation of the format is kBadInput
/// naming file, place and cure.
Header read_header(const io::File& file);

/// The same of bytes that somebody else reads; `file_name` stands in messages.
Header read_header(const ReadAt& read_at, std::uint64_t file_size, std::string_view file_name);

}  // namespace octet::gguf
