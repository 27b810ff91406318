// Where everything of a GGUF file lies: a pure function of names, shapes, types and keys. Octet's
// own keys hold, for each tensor in the order of the file, what the writing finds out; until then
// they hold placeholders of the same length, so the header's length is known before:
//
//   octet.version          string
//   octet.source_bytes     u64, of the data files that the weights came from
//   octet.checksums        strings: XXH3-128 of each tensor's bytes, by pieces of 4 MiB
//                          (docs/format.md)
//   octet.sqnr_db          f64 each; infinite where nothing was lost
//   octet.rmse             f64 each
//   octet.max_abs_error    f64 each
//   octet.seal             string: XXH3-128 of the header's bytes, this value being zeros; the last
//                          key
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "formats/gguf/arrangement.hpp"
#include "octet/report.hpp"
#include "quant/ggml/types.hpp"

namespace octet::gguf {

/// A tensor of the file with its type.
struct TypedFileTensor {
    FileTensor tensor;
    ggml::Type type = ggml::Type::kF32;
    std::string reason = {};   ///< why it has another type than was asked for; or empty
    bool is_kept = false;      ///< as it holds values that are not finite
    bool is_fallback = false;  ///< as its rows are no whole blocks of that one
};

/// Where it lies.
struct Place {
    std::uint32_t file = 0;
    std::uint64_t offset = 0;  ///< absolute
    std::uint64_t byte_count = 0;
};

/// What is known of a tensor once it is written.
struct TensorRecord {
    Checksum checksum{};
    double sqnr_db = 0;
    double rmse = 0;
    double max_abs_error = 0;
};

struct DataFile {
    std::string name;
    std::uint64_t header_bytes = 0;
    std::uint64_t byte_count = 0;
    Keys keys;                           ///< all but octet's own
    std::vector<std::uint32_t> tensors;  ///< numbers of those in it
};

struct Layout {
    std::vector<DataFile> files;
    std::vector<Place> places;  ///< parallel to the tensors
};

/// What the keys of a file are made of, beside its tensors.
struct FileFacts {
    std::string name;  ///< of the file, or of several NAME of NAME-00001-of-00003.gguf and ".gguf"
    Keys keys;         ///< of the model
    std::uint64_t source_bytes = 0;
    std::optional<std::uint64_t> split_size =
        {};  ///< most bytes of a file, unless one tensor has more
};

Layout lay_out(const FileFacts& facts, const std::vector<TypedFileTensor>& tensors);

/// The header of file number `file`, `records` being parallel to the tensors.
std::string header_of(const Layout& layout, std::size_t file, const FileFacts& facts,
                      const std::vector<TypedFileTensor>& tensors,
                      const std::vector<TensorRecord>& records);

/// Digits of a checksum, and so of the seal.
inline constexpr std::size_t kChecksumDigits = 32;

/// The seal of a header in which zeros stand for it.
std::string seal_of(std::string_view header);

/// Bytes of a tensor in the file.
std::uint64_t stored_bytes(ggml::Type type, const Shape& shape);

}  // namespace octet::gguf
