// Checksums of runs of bytes in files: of whole data files, of single tensors, of companions.
// Pieces of 4 MiB are shared between the workers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "octet/options.hpp"
#include "octet/report.hpp"
#include "pipeline/file_hasher.hpp"
#include "pipeline/task.hpp"

namespace octet::pipeline {

struct Region {
    Stretch stretch;
    PieceChecksums known = {};  ///< pieces that need not be read; may be empty
};

/// The checksum by pieces of what these are all pieces of; nothing where one is not known.
std::optional<Checksum> checksum_of(const PieceChecksums& pieces);

/// What was hashed of each of these files while it was written.
std::vector<PieceChecksums> pieces_of(const std::vector<io::File>& files,
                                      std::vector<FileHasher> hashers);

/// The checksums of all pieces of each region, those that are known taken over. kIo when something
/// cannot be read, kInterrupted.
std::vector<std::vector<Checksum>> all_pieces(std::span<const Region> regions,
                                              const WriteOptions& options);

/// The checksum by pieces of each region. kIo when something cannot be read, kInterrupted.
std::vector<Checksum> piece_checksums(std::span<const Region> regions, const WriteOptions& options);

/// The checksum of a whole file as one run of bytes, and its size.
FileReport whole_file_checksum(const io::File& file);

}  // namespace octet::pipeline
