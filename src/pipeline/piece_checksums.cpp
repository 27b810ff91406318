// Regions become pieces of 4 MiB that all workers share, read through a mapping where that is
// quicker.
#include "pipeline/piece_checksums.hpp"

#include <algorithm>
#include <unordered_map>

#include "base/checked.hpp"
#include "io/mapping.hpp"
#include "pipeline/workers.hpp"
#include "quant/active_kernels.hpp"
#include "quant/checksum.hpp"

namespace octet::pipeline {
namespace {

struct Piece {
    std::uint32_t region;
    std::uint32_t number;  ///< in its region
};

/// Hashes [offset, offset + size) through the mapping where there is one; what cannot be read there
/// is read again, to say why.
Checksum hash_of(const io::File& file, const io::Mapping& mapping, std::uint64_t offset,
                 std::uint64_t size, std::span<std::byte> memory) {
    Checksum checksum;
    if (!mapping.is_empty() &&
        io::read_mapped([&] { checksum = quant::checksum_of(mapping.bytes(offset, size)); })) {
        mapping.drop(offset, size);
        return checksum;
    }
    quant::PieceHasher hasher;
    for (std::uint64_t done = 0; done < size; done += memory.size()) {
        const auto part = memory.first(std::min<std::uint64_t>(memory.size(), size - done));
        file.read_at(part, offset + done);
        hasher.add(part);
    }
    const std::vector<Checksum> pieces = hasher.take_pieces();
    return pieces.empty() ? quant::checksum_of({}) : pieces.front();
}

}  // namespace

std::optional<Checksum> checksum_of(const PieceChecksums& pieces) {
    if (pieces.size() == 1 && pieces.front())
        return quant::checksum_of_pieces({&*pieces.front(), 1});
    std::vector<Checksum> known;
    known.reserve(pieces.size());
    for (const auto& piece : pieces) {
        if (!piece) return std::nullopt;
        known.push_back(*piece);
    }
    return quant::checksum_of_pieces(known);
}

std::vector<PieceChecksums> pieces_of(const std::vector<io::File>& files,
                                      std::vector<FileHasher> hashers) {
    std::vector<PieceChecksums> pieces(files.size());
    for (FileHasher& hasher : hashers) {
        for (std::size_t i = 0; i < files.size(); ++i) {
            if (&files[i] == &hasher.file()) pieces[i] = hasher.take_pieces();
        }
    }
    return pieces;
}

std::vector<std::vector<Checksum>> all_pieces(std::span<const Region> regions,
                                              const WriteOptions& options) {
    quant::active_kernels();
    constexpr unsigned kMostMappingWorkers =
        4;  // as in SourceReader: each maps a piece of 4 MiB and more
    const unsigned workers = worker_count(options.threads);
    std::unordered_map<const io::File*, io::Mapping> mappings;
    std::vector<std::vector<Checksum>> found(regions.size());
    std::vector<Piece> pieces;
    for (std::uint32_t i = 0; i < regions.size(); ++i) {
        const Region& region = regions[i];
        found[i].resize(divide_up(region.stretch.byte_count, quant::kPieceBytes));
        for (std::uint32_t k = 0; k < found[i].size(); ++k) {
            if (k >= region.known.size() || !region.known[k]) {
                pieces.push_back({i, k});
            } else {
                found[i][k] = *region.known[k];
            }
        }
        if (!mappings.contains(region.stretch.file)) {
            mappings.emplace(region.stretch.file, workers <= kMostMappingWorkers
                                                      ? io::Mapping::of(*region.stretch.file)
                                                      : io::Mapping());
        }
    }
    std::uint64_t bytes = 0;
    for (const Region& region : regions) bytes += region.stretch.byte_count;
    ProgressMeter progress(options.progress, bytes);
    Workers pool(workers, options.stop_requested);
    pool.run(pieces.size(), [&](std::uint64_t number, std::span<std::byte> memory) {
        const Piece piece = pieces[number];
        const Region& region = regions[piece.region];
        const std::uint64_t at = piece.number * quant::kPieceBytes;
        const std::uint64_t size = std::min(quant::kPieceBytes, region.stretch.byte_count - at);
        found[piece.region][piece.number] =
            hash_of(*region.stretch.file, mappings.at(region.stretch.file),
                    region.stretch.offset + at, size, memory);
        progress.add(size);
    });
    progress.finish();
    return found;
}

std::vector<Checksum> piece_checksums(std::span<const Region> regions,
                                      const WriteOptions& options) {
    std::vector<Checksum> checksums;
    for (const auto& region : all_pieces(regions, options))
        checksums.push_back(quant::checksum_of_pieces(region));
    return checksums;
}

FileReport whole_file_checksum(const io::File& file) {
    const kernels::Kernels& k = quant::active_kernels();
    kernels::HashState state;
    k.hash_begin(state);
    std::vector<std::byte> buffer(std::min<std::uint64_t>(file.size(), 1U << 20U));
    for (std::uint64_t at = 0; at < file.size(); at += buffer.size()) {
        const auto part =
            std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), file.size() - at));
        file.read_at(part, at);
        k.hash_add(state, part.data(), part.size());
    }
    FileReport report{std::filesystem::path(file.name()).filename().native(), file.size()};
    report.checksum.emplace();
    unsigned char digest[16];
    k.hash_end(state, digest);
    std::copy(std::begin(digest), std::end(digest), report.checksum->bytes.begin());
    return report;
}

}  // namespace octet::pipeline
