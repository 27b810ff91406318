#include "octet/verify.hpp"

#include <algorithm>
#include <chrono>
#include <memory>

#include <fmt/format.h>

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "checkpoint/index.hpp"
#include "checkpoint/kind.hpp"
#include "io/sha256.hpp"
#include "octet/error.hpp"
#include "run/find_set.hpp"
#include "run/promise.hpp"
#include "run/regions.hpp"
#include "run/workers.hpp"
#include "state/quantized_set.hpp"
#include "state/totals.hpp"

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

  private:
    void add(std::string file, std::string tensor, std::string what) {
        report_.findings.push_back({std::move(file), std::move(tensor), std::move(what)});
    }

    io::Links links() const { return io::links_of(options_.follow_links); }

    bool has_finding_about(std::string_view file) const {
        return std::any_of(report_.findings.begin(), report_.findings.end(),
                           [&](const Finding& finding) { return finding.file == file; });
    }

    /// What is wrong with the sidecar becomes a finding. Nothing at that path at all stays an error.
    bool read_sidecar() {
        if (!io::exists(path_))
            throw Error(ErrorCode::kBadInput, printable(path_.native()), "not found; check the path");
        fs::path folder = path_;
        try {
            folder = run::find_set_folder(path_);
            sidecar_ = state::read_sidecar(folder, links());
            total_bytes_ = total_bytes();
            folder_ = folder;
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
        std::vector<run::Region> regions(files.size());
        broken_.resize(files.size());
        for (std::size_t i = 0; i < files.size(); ++i) {
            broken_[i] = !open_listed(sidecar_.files[i], files[i]);
            regions[i] = {&files[i], 0, broken_[i] ? 0 : files[i].size()};
        }
        WriteOptions first_part = reading(options_);
        first_part.progress = run::part_of(options_.progress, 0, total_bytes_);
        const std::vector<Checksum> found = run::piece_checksums(regions, first_part);
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

    /// What is read in all, for the progress: the data files, and the source twice. A sidecar can say anything: sums that overflow wrap.
    std::uint64_t total_bytes() const {
        std::uint64_t bytes = state::total_bytes(sidecar_.files);
        for (const TensorReport& tensor : sidecar_.tensors) bytes += options_.source ? 2 * tensor.source_bytes : 0;
        return bytes;
    }

    /// A file that the sidecar lists: there, a file, and of that size, or a finding.
    bool open_listed(const FileReport& listed, io::File& file) {
        const fs::path path = folder_ / listed.name;
        if (!io::exists(path)) {
            add(listed.name, "", "is missing");
            return false;
        }
        try {
            file = io::File::open_for_reading(path);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::kBadInput) throw;
            add(listed.name, "", after_subject(error.what(), path).value_or(error.what()));
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
            state::Sidecar whole = sidecar_;
            whole.tensors = std::move(tensors);
            set_ = state::open_set(folder_, std::move(whole));
            return true;
        } catch (const Error& error) {
            if (error.code() != ErrorCode::kBadInput) throw;
            for (const FileReport& listed : sidecar_.files) {
                const auto what = after_subject(error.what(), folder_ / listed.name);
                if (!what) continue;
                if (!is_missing_or_resized(listed)) add(listed.name, "", *what);
                return false;
            }
            const auto what = after_subject(error.what(), folder_ / kSidecarName);
            add(std::string(kSidecarName), "", what.value_or(error.what()));
            return false;
        }
    }

    bool is_missing_or_resized(const FileReport& listed) const {
        std::error_code failed;
        return fs::file_size(folder_ / listed.name, failed) != listed.byte_count && has_finding_about(listed.name);
    }

    /// Which tensors of a broken file are touched; whole files need no second look.
    void check_tensors() {
        std::vector<run::Region> regions;
        std::vector<std::size_t> tensors;
        for (std::size_t i = 0; i < set_.stored.size(); ++i) {
            const state::StoredTensor& stored = set_.stored[i];
            if (!broken_[stored.file]) continue;
            regions.push_back({&set_.data_files[stored.file].file, stored.offset, stored.byte_count});
            tensors.push_back(i);
        }
        const std::vector<Checksum> found = run::piece_checksums(regions, reading(options_));
        std::vector<bool> explained(broken_.size());
        for (std::size_t k = 0; k < tensors.size(); ++k) {
            const TensorReport& tensor = set_.sidecar.tensors[tensors[k]];
            if (found[k] == *tensor.stored_checksum) continue;
            const state::StoredTensor& stored = set_.stored[tensors[k]];
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
            if (run::whole_file_checksum(io::File::open_for_reading(folder_ / listed.name)).checksum !=
                listed.checksum) {
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
        if (!io::exists(set_.folder / name)) return add(name, "", "is missing");
        const auto weights = state::stored_names(
            set_.sidecar.tensors, [this](std::size_t i) { return set_.sidecar.files[set_.stored[i].file].name; });
        std::uint64_t bytes = 0;
        for (std::size_t i = 0; i < set_.stored.size(); ++i)
            bytes += set_.sidecar.tensors[i].same_as.empty() ? set_.stored[i].byte_count : 0;
        const std::string expected =
            checkpoint::index_text_of(checkpoint::with_total_size(set_.sidecar.source_index->metadata, bytes), weights);
        std::string found;
        try {
            found = io::read_text_file(set_.folder / name, expected.size());
        } catch (const Error& error) {
            if (error.code() != ErrorCode::kBadInput) throw;
        }
        if (found != expected) add(name, "", "is not what was written, which follows from the sidecar");
    }

    /// The weights that the codes depend on.
    std::unique_ptr<run::Importance> open_importance() const {
        const std::optional<Checksum>& expected = set_.sidecar.options.importance;
        if (!expected) {
            if (!options_.importance) return nullptr;
            throw Error(ErrorCode::kUsage, "--importance", "the set was made without; leave it out");
        }
        if (!options_.importance)
            throw Error(ErrorCode::kUsage, "--source",
                        "the set was quantized with --importance; give the same file again, as its codes depend on it");
        auto importance = std::make_unique<run::Importance>(*options_.importance);
        if (importance->checksum() == *expected) return importance;
        throw Error(ErrorCode::kBadInput, printable(options_.importance->string()),
                    "is not the file that the set was quantized with; give that one");
    }

    void check_source() {
        const auto importance = open_importance();
        const checkpoint::Checkpoint source = checkpoint::open_checkpoint(*options_.source, links());
        WriteOptions last_part = reading(options_);
        last_part.progress = run::part_of(options_.progress, state::total_bytes(sidecar_.files), total_bytes_);
        for (Finding& finding : run::check_promise(set_, source, importance.get(), last_part)) {
            report_.findings.push_back(std::move(finding));
        }
    }

    void sum_up() {
        state::Sidecar& sidecar = set_.sidecar;
        const checkpoint::Family family = checkpoint::assign_kinds(sidecar.tensors);
        report_.totals = state::totals_of(sidecar.tensors, sidecar.source_sum_of_squares);
        report_.totals.source_bytes = state::total_bytes(sidecar.source_files);
        report_.totals.output_bytes = state::total_bytes(sidecar.files);
        report_.totals.source_framework_bytes = sidecar.source_framework_bytes;
        report_.totals.framework_bytes =
            checkpoint::framework_bytes(family, sidecar.tensors, checkpoint::counted_as(sidecar.options.preset));
        report_.tensors = std::move(sidecar.tensors);
    }

    fs::path path_;
    const VerifyOptions& options_;
    VerifyReport report_;
    fs::path folder_;
    state::Sidecar sidecar_;  // its tensors are set_'s once that is open
    std::uint64_t total_bytes_ = 0;
    state::QuantizedSet set_;
    std::vector<bool> broken_;  // data files that are not what was written
};

}  // namespace

VerifyReport verify(const fs::path& set, const VerifyOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    VerifyReport report = Verification(set, options).run();
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace octet
