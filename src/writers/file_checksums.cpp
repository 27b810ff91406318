// Pieces that were hashed on the way are not read again.
#include "writers/file_checksums.hpp"

#include "io/sha256.hpp"

namespace octet::writers {

void add_sha256(std::vector<FileReport>& reports, const io::Output& output,
                const WriteOptions& options) {
    if (!options.sha256) return;
    for (FileReport& report : reports)
        report.sha256 = io::sha256_of(output.open(report.name), options.stop_requested);
}

void hash_files(std::vector<FileReport>& reports, const std::vector<io::File>& files,
                std::vector<pipeline::PieceChecksums>&& known, const WriteOptions& options) {
    std::vector<pipeline::Region> regions;
    for (std::size_t i = 0; i < files.size(); ++i)
        regions.push_back({{&files[i], 0, files[i].size()}, std::move(known[i])});
    WriteOptions quiet = options;  // the progress of a run is that of its source
    quiet.progress = {};
    const std::vector<Checksum> checksums = pipeline::piece_checksums(regions, quiet);
    for (std::size_t i = 0; i < reports.size(); ++i) reports[i].checksum = checksums[i];
}

}  // namespace octet::writers
