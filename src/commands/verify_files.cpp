// Sizes and checksums of the files of a set, and of the tensors in those that are broken; see the
// header.
#include "commands/verify_files.hpp"

#include <fmt/format.h>

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "io/sha256.hpp"
#include "pipeline/piece_checksums.hpp"
#include "pipeline/workers.hpp"

namespace octet::commands {

WriteOptions reading_options(const VerifyOptions& options) {
    WriteOptions reading;
    reading.threads = options.threads;
    reading.stop_requested = options.stop_requested;
    return reading;
}

std::optional<std::string> after_subject(std::string_view what, const std::filesystem::path& path) {
    const std::string subject = printable(path.native()) + ": ";
    if (!what.starts_with(subject)) return std::nullopt;
    return std::string(what.substr(subject.size()));
}

void FileChecks::add(std::string file, std::string tensor, std::string what) {
    findings_.push_back({std::move(file), std::move(tensor), std::move(what)});
}

/// A file that the sidecar lists: there, a file, and of that size, or a finding.
bool FileChecks::open_listed(const FileReport& listed, io::File& file) {
    if (!folder_.has(listed.name)) {
        add(listed.name, "", "is missing");
        return false;
    }
    try {
        file = folder_.open(listed.name);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::kBadInput) throw;
        add(listed.name, "",
            after_subject(error.what(), folder_.path_of(listed.name)).value_or(error.what()));
        return false;
    }
    if (file.size() == listed.byte_count) return true;
    add(listed.name, "",
        fmt::format("has {} bytes, {} says {}", with_commas(file.size()), lister_,
                    with_commas(listed.byte_count)));
    return false;
}

/// Where the sidecar has one. A file whose other checksum differs already is not hashed again.
void FileChecks::check_sha256(const FileReport& listed, const io::File& file) {
    if (listed.sha256.empty()) return;
    const std::string found = io::sha256_of(file, options_.stop_requested);
    if (found != listed.sha256)
        add(listed.name, "",
            fmt::format("its SHA-256 is {}, {} says {}", found, lister_, listed.sha256));
}

void FileChecks::check_data_files(std::uint64_t total) {
    std::vector<io::File> files(sidecar_.files.size());
    std::vector<pipeline::Region> regions(files.size());
    broken_.resize(files.size());
    for (std::size_t i = 0; i < files.size(); ++i) {
        broken_[i] = !open_listed(sidecar_.files[i], files[i]);
        missing_or_resized_.push_back(broken_[i]);
        regions[i] = {{&files[i], 0, broken_[i] ? 0 : files[i].size()}};
    }
    WriteOptions first_part = reading_options(options_);
    first_part.progress = pipeline::part_of(options_.progress, 0, total);
    const std::vector<Checksum> found = pipeline::piece_checksums(regions, first_part);
    for (std::size_t i = 0; i < found.size(); ++i) {
        const FileReport& listed = sidecar_.files[i];
        if (broken_[i] || found[i] == *listed.checksum) continue;
        broken_[i] = true;
        add(listed.name, "",
            fmt::format("its {} bytes have the checksum {}, {} says {}",
                        with_commas(listed.byte_count), checksum_text(found[i]), lister_,
                        checksum_text(*listed.checksum)));
    }
    for (std::size_t i = 0; i < files.size(); ++i) {
        if (!broken_[i]) check_sha256(sidecar_.files[i], files[i]);
    }
}

void FileChecks::check_tensors(const octet_set::QuantizedSet& set) {
    std::vector<pipeline::Region> regions;
    std::vector<std::size_t> tensors;
    for (std::size_t i = 0; i < set.stored.size(); ++i) {
        const octet_set::StoredTensor& stored = set.stored[i];
        if (!broken_[stored.file]) continue;
        regions.push_back({{&set.data_files[stored.file].file, stored.offset, stored.byte_count}});
        tensors.push_back(i);
    }
    const std::vector<Checksum> found =
        pipeline::piece_checksums(regions, reading_options(options_));
    std::vector<bool> explained(broken_.size());
    for (std::size_t k = 0; k < tensors.size(); ++k) {
        const TensorReport& tensor = set.sidecar.tensors[tensors[k]];
        if (found[k] == *tensor.stored_checksum) continue;
        const octet_set::StoredTensor& stored = set.stored[tensors[k]];
        explained[stored.file] = true;
        add(set.sidecar.files[stored.file].name, tensor.name,
            fmt::format("something in its bytes {} to {} is not what was written",
                        with_commas(stored.offset),
                        with_commas(stored.offset + stored.byte_count)));
    }
    for (std::size_t i = 0; i < broken_.size(); ++i) {
        if (broken_[i] && !explained[i])
            add(set.sidecar.files[i].name, "",
                "its header is not what was written; all tensor data are");
    }
}

void FileChecks::explain(const Error& error) {
    for (std::size_t i = 0; i < sidecar_.files.size(); ++i) {
        const std::string& name = sidecar_.files[i].name;
        const auto what = after_subject(error.what(), folder_.path_of(name));
        if (!what) continue;
        if (!missing_or_resized_[i]) add(name, "", *what);
        return;
    }
    const auto what = after_subject(error.what(), folder_.path_of(kSidecarName));
    add(std::string(kSidecarName), "", what.value_or(error.what()));
}

void FileChecks::check_companions() {
    for (const FileReport& listed : sidecar_.companions) {
        io::File file;
        if (!open_listed(listed, file)) continue;
        if (pipeline::whole_file_checksum(file).checksum != listed.checksum) {
            add(listed.name, "", "is not what was copied: its checksum differs");
        } else {
            check_sha256(listed, file);
        }
    }
}

void FileChecks::check_index(const octet_set::QuantizedSet& set) {
    if (!set.sidecar.source_index) return;
    const std::string name(kSetIndexName);
    if (!folder_.has(name)) return add(name, "", "is missing");
    const std::string expected = octet_set::index_text_of(set);
    std::string found;
    try {
        found = folder_.read_text(name, expected.size());
    } catch (const Error& error) {
        if (error.code() != ErrorCode::kBadInput) throw;
    }
    if (found != expected) add(name, "", "is not what was written, which follows from the sidecar");
}

}  // namespace octet::commands
