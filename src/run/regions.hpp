// Checksums of runs of bytes in files: of whole data files, of single tensors, of companions. Pieces of 4 MiB are shared between the workers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "io/file.hpp"
#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet::run {

struct Region {
    const io::File* file = nullptr;
    std::uint64_t offset = 0;
    std::uint64_t byte_count = 0;
    std::vector<std::optional<Checksum>> known{};  ///< pieces that need not be read; may be empty
};

/// The checksum by pieces of each region. kIo when something cannot be read, kInterrupted.
std::vector<Checksum> piece_checksums(std::span<const Region> regions, const WriteOptions& options);

/// The checksum of a whole file as one run of bytes, and its size.
FileReport whole_file_checksum(const io::File& file);

}  // namespace octet::run
