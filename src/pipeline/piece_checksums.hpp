// Checksums of runs of bytes in files: of whole data files, of single tensors, of companions.
// Pieces of 4 MiB are shared between the workers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "octet/options.hpp"
#include "octet/report.hpp"
#include "pipeline/task.hpp"

namespace octet::pipeline {

struct Region {
    Stretch stretch;
    PieceChecksums known = {};  ///< pieces that need not be read; may be empty
};

/// The checksum by pieces of what these are all pieces of; nothing where one is not known.
std::optional<Checksum> checksum_of(const PieceChecksums& pieces);

/// The checksum by pieces of each region. kIo when something cannot be read, kInterrupted.
std::vector<Checksum> piece_checksums(std::span<const Region> regions, const WriteOptions& options);

/// The checksum of a whole file as one run of bytes, and its size.
FileReport whole_file_checksum(const io::File& file);

}  // namespace octet::pipeline
