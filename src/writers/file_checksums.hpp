// Checksums of the files of a folder that is being built.
#pragma once

#include <vector>

#include "io/output.hpp"
#include "octet/options.hpp"
#include "octet/report.hpp"
#include "pipeline/piece_checksums.hpp"

namespace octet::writers {

/// Adds SHA-256 of each of the files where they were built, if `options.sha256`. kIo, kInterrupted.
void add_sha256(std::vector<FileReport>& reports, const io::Output& output,
                const WriteOptions& options);

/// Adds the checksum by pieces of each data file. `known` (parallel to `files`): the pieces that
/// were hashed while they were written; the others are read. kIo, kInterrupted.
void hash_files(std::vector<FileReport>& reports, const std::vector<io::File>& files,
                std::vector<pipeline::PieceChecksums>&& known, const WriteOptions& options);

}  // namespace octet::writers
