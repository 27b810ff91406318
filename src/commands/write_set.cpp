// The order in which a set becomes whole: data files, companions, index, checksums, and last the
// sidecar, which holds the checksums of all others.
#include "commands/write_set.hpp"

#include <algorithm>
#include <filesystem>

#include "base/set_names.hpp"
#include "checkpoint/index.hpp"
#include "checkpoint/kind.hpp"
#include "formats/octet_set/quantized_set.hpp"
#include "formats/octet_set/totals.hpp"
#include "io/sha256.hpp"
#include "octet/octet.hpp"
#include "pipeline/piece_checksums.hpp"

namespace octet::commands {
namespace {

std::string set_index_text(const checkpoint::Checkpoint& checkpoint, const std::vector<TensorReport>& tensors,
                           const plan::OutputPlan& plan) {
    const auto weights =
        octet_set::stored_names(tensors, [&](std::size_t i) { return plan.files[plan.placements[i].file].name; });
    std::uint64_t bytes = 0;
    for (const plan::Placement& place : plan.placements) bytes += place.byte_count;
    return checkpoint::index_text_of(checkpoint::with_total_size(checkpoint.index->metadata, bytes), weights);
}

octet_set::Sidecar sidecar_of(const checkpoint::Checkpoint& checkpoint, const plan::OutputPlan& plan,
                              const octet_set::CodeOptions& options, std::vector<TensorReport> tensors,
                              double sum_of_squares) {
    octet_set::Sidecar sidecar;
    sidecar.generator = "octet " + std::string(version());
    for (const checkpoint::Shard& shard : checkpoint.shards)
        sidecar.source_files.push_back({shard.base_name, shard.file.size()});
    if (checkpoint.index)
        sidecar.source_index = octet_set::SourceIndex{checkpoint.index->name, checkpoint.index->metadata};
    const checkpoint::Family family = checkpoint::detect_family(tensors);
    sidecar.source_framework_bytes = checkpoint::framework_bytes(family, tensors, checkpoint::Counted::kSource);
    sidecar.source_sum_of_squares = sum_of_squares;
    for (const plan::FilePlan& file : plan.files) sidecar.files.push_back({file.name, file.byte_count});
    sidecar.options = options;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        if (!tensors[i].same_as.empty()) sidecar.tied_positions.push_back(checkpoint.tensors[i].header_position);
    }
    sidecar.tensors = std::move(tensors);
    return sidecar;
}

/// SHA-256 of each of the files where they were built.
void add_sha256(std::vector<FileReport>& reports, const io::Output& output, const WriteOptions& options) {
    if (!options.sha256) return;
    for (FileReport& report : reports) report.sha256 = io::sha256_of(output.open(report.name), options.stop_requested);
}

/// Copies the companions and hashes the copies.
std::vector<FileReport> write_companions(const checkpoint::Companions& companions, io::Output& output, bool sync) {
    std::vector<FileReport> written;
    for (const checkpoint::Companion& companion : companions.copied) {
        const io::File source = io::File::open_for_reading(companion.path);
        const io::File copy = output.create(companion.name, source.size());
        io::copy_bytes(source, copy, sync);
        written.push_back(pipeline::whole_file_checksum(copy));
        written.back().name = companion.name;
    }
    return written;
}

/// Checksums of the data files: of the pieces that were hashed while they were written, and of those that were not.
void hash_files(std::vector<FileReport>& reports, const std::vector<io::File>& files,
                std::vector<pipeline::FileHasher>& hashers, const WriteOptions& options) {
    std::vector<pipeline::Region> regions;
    for (const io::File& file : files) {
        regions.push_back({{&file, 0, file.size()}, {}});
        const auto hasher = std::find_if(hashers.begin(), hashers.end(),
                                         [&](const pipeline::FileHasher& one) { return &one.file() == &file; });
        if (hasher != hashers.end()) regions.back().known = hasher->take_pieces();
    }
    WriteOptions quiet = options;  // the progress of a run is that of its source
    quiet.progress = {};
    const std::vector<Checksum> checksums = pipeline::piece_checksums(regions, quiet);
    for (std::size_t i = 0; i < reports.size(); ++i) reports[i].checksum = checksums[i];
}

/// Returns its length.
std::uint64_t write_sidecar_file(const octet_set::Sidecar& sidecar, io::Output& output, bool sync) {
    const io::File file = output.create(std::string(kSidecarName), 0);
    std::uint64_t at = 0;
    octet_set::write_sidecar(sidecar, [&](std::string_view part) {
        file.write_at(io::bytes_of(part), at);
        at += part.size();
    });
    if (sync) file.sync();
    return at;
}

Report report_of(octet_set::Sidecar sidecar, std::uint64_t sidecar_bytes, std::uint64_t index_bytes) {
    Report report;
    report.totals = octet_set::totals_of(sidecar.tensors, sidecar.source_sum_of_squares);
    report.totals.source_bytes = octet_set::total_bytes(sidecar.source_files);
    report.totals.output_bytes = octet_set::total_bytes(sidecar.files);
    report.totals.source_framework_bytes = sidecar.source_framework_bytes;
    report.totals.framework_bytes = checkpoint::framework_bytes(
        checkpoint::detect_family(sidecar.tensors), sidecar.tensors, checkpoint::counted_as(sidecar.options.preset));
    report.output_files = sidecar.files;
    if (sidecar.source_index) report.output_files.push_back({std::string(kSetIndexName), index_bytes});
    report.output_files.push_back({std::string(kSidecarName), sidecar_bytes});
    report.output_files.insert(report.output_files.end(), sidecar.companions.begin(), sidecar.companions.end());
    for (const FileReport& companion : sidecar.companions) report.companions.push_back(companion.name);
    report.input_files = std::move(sidecar.source_files);
    report.tensors = std::move(sidecar.tensors);
    return report;
}

}  // namespace

std::vector<std::string> names_of_set(const checkpoint::Checkpoint& checkpoint,
                                      const checkpoint::Companions& companions, const plan::OutputPlan& plan) {
    std::vector<std::string> names;
    for (const plan::FilePlan& file : plan.files) names.push_back(file.name);
    for (const checkpoint::Companion& companion : companions.copied) names.push_back(companion.name);
    if (checkpoint.index) names.emplace_back(kSetIndexName);
    names.emplace_back(kSidecarName);
    return names;
}

Report finish_set(SetData data, const octet_set::CodeOptions& code_options, io::Output& output,
                  const WriteOptions& options) {
    octet_set::Sidecar sidecar =
        sidecar_of(data.checkpoint, data.plan, code_options, std::move(data.tensors), data.sum_of_squares);
    hash_files(sidecar.files, data.files, data.hashers, options);
    sidecar.companions = write_companions(data.companions, output, options.sync);
    add_sha256(sidecar.files, output, options);
    add_sha256(sidecar.companions, output, options);
    const std::string index = data.checkpoint.index ? set_index_text(data.checkpoint, sidecar.tensors, data.plan) : "";
    if (data.checkpoint.index)
        io::write_text(output.create(std::string(kSetIndexName), index.size()), index, options.sync);
    const std::uint64_t sidecar_bytes = write_sidecar_file(sidecar, output, options.sync);
    Report report = report_of(std::move(sidecar), sidecar_bytes, index.size());
    add_sha256(report.output_files, output, options);
    return report;
}

}  // namespace octet::commands
