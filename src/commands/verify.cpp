// verify(): every byte of a set held against its sidecar, and with a source against that; what is wrong becomes a finding.
#include "octet/verify.hpp"

#include <algorithm>
#include <chrono>
#include <memory>

#include <fmt/format.h>

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "checkpoint/index.hpp"
#include "checkpoint/kind.hpp"
#include "commands/verify_against_source.hpp"
#include "commands/verify_gguf.hpp"
#include "formats/octet_set/find_set.hpp"
#include "formats/octet_set/quantized_set.hpp"
#include "formats/octet_set/totals.hpp"
#include "io/held_folder.hpp"
#include "io/sha256.hpp"
#include "octet/error.hpp"
#include "pipeline/piece_checksums.hpp"
#include "pipeline/workers.hpp"

namespace octet {
namespace {

namespace fs = std::filesystem;

WriteOptions reading(const VerifyOptions& options) {
    WriteOptions reading;
    reading.threads = options.threads;
    reading.stop_requested = options.stop_requested;
    return reading;
}

/// `what` without the path in front of it, where that is what it begins with.
std::optional<std::string> after_subject(std::string_view what, const fs::path& path) {
    const std::string subject = printable(path.native()) + ": ";
    if (!what.starts_with(subject)) return std::nullopt;
    return std::string(what.substr(subject.size()));
}

class Verification {
  public:
    Verification(const fs::path& path, const VerifyOptions& options) : path_(path), options_(options) {}

    VerifyReport run() {
        report_.input = path_.native();
        if (options_.source) report_.source = options_.source->native();
        if (!read_sidecar()) return std::move(report_);
        check_files();
        const bool fits = open();
        if (fits) check_tensors();
        check_companions();
        if (fits) {
            check_index();
            if (options_.source) check_source();
            sum_up();
        }
        return std::move(report_);
    }

    /// True when the folder whose files were looked at has given its place to another one, as by quantize --force.
    bool is_out_of_date() const { return folder_ && folder_->is_replaced(); }

  private:
    void add(std::string file, std::string tensor, std::string what) {
        report_.findings.push_back({std::move(file), std::move(tensor), std::move(what)});
    }

    io::Links links() const { return io::links_of(options_.follow_links); }

    /// What is wrong with the sidecar becomes a finding. Nothing at that path at all stays an error.
    bool read_sidecar() {
        if (!io::exists(path_))
            throw Error(ErrorCode::kBadInput, printable(path_.native()), "not found; check the path");
        fs::path folder = path_;
        try {
            folder = octet_set::find_set_folder(path_);
            folder_ = io::HeldFolder(folder);
            sidecar_ = octet_set::read_sidecar(*folder_, links());
            total_bytes_ = total_bytes();
            return true;
        } catch (const Error& error) {
            if (error.code() != ErrorCode::kBadInput) throw;
            const auto what = after_subject(error.what(), folder / kSidecarName);
            add(std::string(kSidecarName), "", what.value_or(error.what()));
            return false;
        }
    }

    /// Every data file that can be opened and has its size, against its checksum.
    void check_files() {
        std::vector<io::File> files(sidecar_.files.size());
        std::vector<pipeline::Region> regions(files.size());
        broken_.resize(files.size());
        for (std::size_t i = 0; i < files.size(); ++i) {
            broken_[i] = !open_listed(sidecar_.files[i], files[i]);
            missing_or_resized_.push_back(broken_[i]);
            regions[i] = {{&files[i], 0, broken_[i] ? 0 : files[i].size()}};
        }
        WriteOptions first_part = reading(options_);
        first_part.progress = pipeline::part_of(options_.progress, 0, total_bytes_);
        const std::vector<Checksum> found = pipeline::piece_checksums(regions, first_part);
        for (std::size_t i = 0; i < found.size(); ++i) {
            const FileReport& listed = sidecar_.files[i];
            if (broken_[i] || found[i] == *listed.checksum) continue;
            broken_[i] = true;
            add(listed.name, "",
                fmt::format("its {} bytes have the checksum {}, the sidecar says {}", with_commas(listed.byte_count),
                            checksum_text(found[i]), checksum_text(*listed.checksum)));
        }
        for (std::size_t i = 0; i < files.size(); ++i) {
            if (!broken_[i]) check_sha256(sidecar_.files[i], files[i]);
        }
    }

    /// Where the sidecar has one. A file whose other checksum differs already is not hashed again.
    void check_sha256(const FileReport& listed, const io::File& file) {
        if (listed.sha256.empty()) return;
        const std::string found = io::sha256_of(file, options_.stop_requested);
        if (found != listed.sha256)
            add(listed.name, "", fmt::format("its SHA-256 is {}, the sidecar says {}", found, listed.sha256));
    }

    /// What is read in all, for the progress: the data files, and the source. A sidecar can say anything: sums that overflow wrap.
    std::uint64_t total_bytes() const {
        std::uint64_t bytes = octet_set::total_bytes(sidecar_.files);
        for (const TensorReport& tensor : sidecar_.tensors) bytes += options_.source ? tensor.source_bytes : 0;
        return bytes;
    }

    /// A file that the sidecar lists: there, a file, and of that size, or a finding.
    bool open_listed(const FileReport& listed, io::File& file) {
        if (!folder_->has(listed.name)) {
            add(listed.name, "", "is missing");
            return false;
        }
        try {
            file = folder_->open(listed.name);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::kBadInput) throw;
            add(listed.name, "", after_subject(error.what(), folder_->path_of(listed.name)).value_or(error.what()));
            return false;
        }
        if (file.size() == listed.byte_count) return true;
        add(listed.name, "",
            fmt::format("has {} bytes, the sidecar says {}", with_commas(file.size()), with_commas(listed.byte_count)));
        return false;
    }

    /// Sidecar and headers against each other. One that does not fit is a finding, unless its file has a plainer one already.
    bool open() {
        try {
            std::vector<TensorReport> tensors =
                std::move(sidecar_.tensors);  // the set's from here on, which may be many
            octet_set::Sidecar whole = sidecar_;
            whole.tensors = std::move(tensors);
            set_ = octet_set::open_set(*folder_, std::move(whole));
            return true;
        } catch (const Error& error) {
            if (error.code() != ErrorCode::kBadInput) throw;
            for (const FileReport& listed : sidecar_.files) {
                const auto what = after_subject(error.what(), folder_->path_of(listed.name));
                if (!what) continue;
                if (!is_missing_or_resized(listed)) add(listed.name, "", *what);
                return false;
            }
            const auto what = after_subject(error.what(), folder_->path_of(kSidecarName));
            add(std::string(kSidecarName), "", what.value_or(error.what()));
            return false;
        }
    }

    bool is_missing_or_resized(const FileReport& listed) const {
        const auto at = static_cast<std::size_t>(&listed - sidecar_.files.data());
        return missing_or_resized_[at];
    }

    /// Which tensors of a broken file are touched; whole files need no second look.
    void check_tensors() {
        std::vector<pipeline::Region> regions;
        std::vector<std::size_t> tensors;
        for (std::size_t i = 0; i < set_.stored.size(); ++i) {
            const octet_set::StoredTensor& stored = set_.stored[i];
            if (!broken_[stored.file]) continue;
            regions.push_back({{&set_.data_files[stored.file].file, stored.offset, stored.byte_count}});
            tensors.push_back(i);
        }
        const std::vector<Checksum> found = pipeline::piece_checksums(regions, reading(options_));
        std::vector<bool> explained(broken_.size());
        for (std::size_t k = 0; k < tensors.size(); ++k) {
            const TensorReport& tensor = set_.sidecar.tensors[tensors[k]];
            if (found[k] == *tensor.stored_checksum) continue;
            const octet_set::StoredTensor& stored = set_.stored[tensors[k]];
            explained[stored.file] = true;
            add(set_.sidecar.files[stored.file].name, tensor.name,
                fmt::format("something in its bytes {} to {} is not what was written", with_commas(stored.offset),
                            with_commas(stored.offset + stored.byte_count)));
        }
        for (std::size_t i = 0; i < broken_.size(); ++i) {
            if (broken_[i] && !explained[i])
                add(set_.sidecar.files[i].name, "", "its header is not what was written; all tensor data are");
        }
    }

    void check_companions() {
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

    /// The set's index follows from the sidecar, so its text is made again and compared.
    void check_index() {
        if (!set_.sidecar.source_index) return;
        const std::string name(kSetIndexName);
        if (!folder_->has(name)) return add(name, "", "is missing");
        const auto weights = octet_set::stored_names(
            set_.sidecar.tensors, [this](std::size_t i) { return set_.sidecar.files[set_.stored[i].file].name; });
        std::uint64_t bytes = 0;
        for (std::size_t i = 0; i < set_.stored.size(); ++i)
            bytes += set_.sidecar.tensors[i].same_as.empty() ? set_.stored[i].byte_count : 0;
        const std::string expected =
            checkpoint::index_text_of(checkpoint::with_total_size(set_.sidecar.source_index->metadata, bytes), weights);
        std::string found;
        try {
            found = folder_->read_text(name, expected.size());
        } catch (const Error& error) {
            if (error.code() != ErrorCode::kBadInput) throw;
        }
        if (found != expected) add(name, "", "is not what was written, which follows from the sidecar");
    }

    /// The weights that the codes depend on.
    std::unique_ptr<plan::Importance> open_importance() const {
        const std::optional<Checksum>& expected = set_.sidecar.options.importance;
        if (!expected) {
            if (!options_.importance) return nullptr;
            throw Error(ErrorCode::kUsage, "--importance", "the set was made without; leave it out");
        }
        if (!options_.importance)
            throw Error(ErrorCode::kUsage, "--source",
                        "the set was quantized with --importance; give the same file again, as its codes depend on it");
        auto importance = std::make_unique<plan::Importance>(*options_.importance);
        if (importance->checksum() == *expected) return importance;
        throw Error(ErrorCode::kBadInput, printable(options_.importance->string()),
                    "is not the file that the set was quantized with; give that one");
    }

    void check_source() {
        const auto importance = open_importance();
        const checkpoint::Checkpoint source = checkpoint::open_checkpoint(*options_.source, links());
        WriteOptions last_part = reading(options_);
        last_part.progress = pipeline::part_of(options_.progress, octet_set::total_bytes(sidecar_.files), total_bytes_);
        for (Finding& finding : commands::verify_against_source(set_, source, importance.get(), last_part)) {
            report_.findings.push_back(std::move(finding));
        }
    }

    void sum_up() {
        octet_set::Sidecar& sidecar = set_.sidecar;
        const checkpoint::Family family = checkpoint::assign_kinds(sidecar.tensors);
        report_.totals = octet_set::totals_of(sidecar.tensors, sidecar.source_sum_of_squares);
        report_.totals.source_bytes = octet_set::total_bytes(sidecar.source_files);
        report_.totals.output_bytes = octet_set::total_bytes(sidecar.files);
        report_.totals.source_framework_bytes = sidecar.source_framework_bytes;
        report_.totals.framework_bytes =
            checkpoint::framework_bytes(family, sidecar.tensors, checkpoint::counted_as(sidecar.options.preset));
        report_.tensors = std::move(sidecar.tensors);
    }

    fs::path path_;
    const VerifyOptions& options_;
    VerifyReport report_;
    std::optional<io::HeldFolder> folder_;  // all of the set's files are opened through it
    octet_set::Sidecar sidecar_;            // its tensors are set_'s once that is open
    std::uint64_t total_bytes_ = 0;
    octet_set::QuantizedSet set_;
    std::vector<bool> broken_;              // data files that are not what was written
    std::vector<bool> missing_or_resized_;  // of them, those that have a finding that says so
};

/// Of the set that was at `set` when it was opened, or, if it found something there and another one took its place meanwhile, of that one: the files
/// of a set that was replaced are being removed.
VerifyReport verify_in_place(const fs::path& set, const VerifyOptions& options) {
    for (int replaced = 0;; ++replaced) {
        Verification verification(set, options);
        const auto is_out_of_date = [&] { return replaced < io::kMostReplacements && verification.is_out_of_date(); };
        try {
            VerifyReport report = verification.run();
            if (report.findings.empty() || !is_out_of_date()) return report;
        } catch (const Error& error) {
            if (error.code() == ErrorCode::kInterrupted || !is_out_of_date()) throw;
        }
    }
}

}  // namespace

VerifyReport verify(const fs::path& set, const VerifyOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    const bool is_gguf = io::exists(set) && io::kind_at(set) == io::EntryKind::kFile &&
                         checkpoint::locate(set).what == checkpoint::Location::What::kGguf;
    VerifyReport report = is_gguf ? commands::verify_gguf(set, options) : verify_in_place(set, options);
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace octet
