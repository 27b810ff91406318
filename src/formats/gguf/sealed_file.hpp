// A GGUF file that octet wrote, read back: what octet's own keys say of it (file_layout.hpp), and the seal that says whether the header is as
// it was written. The file is hostile until proven otherwise; every number in it is checked before it is used.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "formats/gguf/file_layout.hpp"
#include "io/file.hpp"

namespace octet::gguf {

/// One tensor of such a file.
struct SealedTensor {
    std::string name;
    Shape shape;  ///< the slowest dimension first
    ggml::Type type = ggml::Type::kF32;
    std::uint64_t offset = 0;  ///< absolute
    std::uint64_t byte_count = 0;
    TensorRecord record;
};

struct SealedFile {
    std::string generator;  ///< the version of octet
    std::string architecture;
    std::uint64_t source_bytes = 0;
    std::uint64_t header_bytes = 0;
    std::uint64_t byte_count = 0;  ///< of the whole file, as the header says
    bool is_sealed = false;        ///< the header is as it was written
    std::vector<SealedTensor> tensors;
};

/// True of a file that begins as GGUF files do.
bool is_gguf(const io::File& file);

/// Reads the header. No GGUF file, not one of octet's, or one that says what cannot be: kBadInput. kIo.
SealedFile read_sealed_file(const io::File& file);

}  // namespace octet::gguf
