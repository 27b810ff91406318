// The header of a safetensors file (safetensors: README.md, "Format"; tensor.rs, `read_metadata`
// and `validate`):
//
//   bytes 0..7      N, unsigned 64-bit little-endian
//   bytes 8..8+N    JSON: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]},
//                   ..., "__metadata__": {...}}
//   bytes 8+N..     the data; offsets are relative to here
//
// Nothing else in octet knows this layout. Parsing validates everything before anything else
// happens; it is stricter than the reference where that is lax (docs/format.md lists where).
// Values; no ownership of files.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/file.hpp"
#include "octet/dtype.hpp"

namespace octet::safetensors {

/// The reference's limit on N.
inline constexpr std::uint64_t kMostHeaderBytes = 100'000'000;

/// String to string pairs in the order of the file.
using Metadata = std::vector<std::pair<std::string, std::string>>;

struct TensorEntry {
    std::string name;
    Dtype dtype = Dtype::kF32;
    Shape shape;
    std::uint64_t begin = 0;            ///< offset of the first byte from the start of the data
    std::uint64_t end = 0;              ///< offset behind the last byte
    std::uint32_t header_position = 0;  ///< how many tensors stand before it in the header's text
};

struct Header {
    Metadata metadata;
    std::vector<TensorEntry> tensors;  ///< in file order: by offset, then by place in the header
    std::uint64_t data_start = 0;      ///< absolute offset of the data: 8 + N
};

/// Reads and validates the header of an open file. Every violation of the format is kBadInput
/// naming file, place and cure.
Header read_header(const io::File& file);

/// The same on the header's JSON text alone; `file_size` is that of the whole file, `file_name`
/// stands in messages.
Header parse_header(std::string_view json, std::uint64_t file_size, std::string_view file_name);

/// True if any metadata key starts with "octet.": the file holds codes, not weights.
bool has_octet_metadata(const Metadata& metadata);

/// Takes bytes of a header and where in the file they go.
using HeaderSink = std::function<void(std::string_view piece, std::uint64_t offset)>;

/// Builds a header's bytes: length, JSON, spaces up to a multiple of 8. With a sink they go there
/// in pieces: of a hundred thousand tensors they are tens of megabytes.
class HeaderWriter {
  public:
    explicit HeaderWriter(const Metadata& metadata, HeaderSink sink = {});

    /// Adds a tensor whose data are [begin, end) of the data section.
    void add(std::string_view name, Dtype dtype, const Shape& shape, std::uint64_t begin,
             std::uint64_t end);

    /// The first 8 + N bytes of the file. More than kMostHeaderBytes: kBadInput naming `file_name`.
    std::string finish(std::string_view file_name);

    /// With a sink: gives it the last pieces. Returns 8 + N.
    std::uint64_t finish_pieces(std::string_view file_name);

  private:
    friend std::uint64_t entry_bytes(std::string_view, Dtype, const Shape&, std::uint64_t);

    std::uint64_t end(std::string_view file_name);
    void give();

    HeaderSink sink_;
    std::uint64_t given_ = 0;  // bytes, all of them before the text
    std::string text_;
    bool has_member_ = false;
};

/// What HeaderWriter::add() adds at most: with two offsets of so many digits, and a comma.
std::uint64_t entry_bytes(std::string_view name, Dtype dtype, const Shape& shape,
                          std::uint64_t offset_digits);

}  // namespace octet::safetensors
