// verify(): every byte of a set held against its sidecar, and with a source against that. A broken
// set is no error: what is wrong becomes a finding, and so does an exception of the readers of
// sidecar and headers, of the file concerned. The order is that of trust: the sidecar by its own
// seal, the files by their checksums (commands/verify_files), the headers by the sidecar, the
// index, which is generated again, and last the source (commands/verify_against_source).
#include "octet/verify.hpp"

#include <chrono>
#include <optional>

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "checkpoint/checkpoint.hpp"
#include "commands/verify_against_source.hpp"
#include "commands/verify_files.hpp"
#include "commands/verify_folder.hpp"
#include "commands/verify_gguf.hpp"
#include "formats/octet_set/quantized_set.hpp"
#include "formats/octet_set/totals.hpp"
#include "io/held_folder.hpp"
#include "octet/error.hpp"
#include "pipeline/workers.hpp"

namespace octet {
namespace {

namespace fs = std::filesystem;

class Verification {
  public:
    Verification(const fs::path& path, const VerifyOptions& options)
        : path_(path), options_(options) {}

    VerifyReport run() {
        report_.input = path_.native();
        if (options_.source) report_.source = options_.source->native();
        if (!read_sidecar()) return std::move(report_);
        commands::FileChecks files(*folder_, sidecar_, options_, report_.findings);
        files.check_data_files(total_bytes_);
        const bool fits = open(files);
        if (fits) files.check_tensors(set_);
        files.check_companions();
        if (fits) {
            files.check_index(set_);
            if (options_.source) check_source();
            sum_up();
        }
        return std::move(report_);
    }

    /// True when the folder whose files were looked at has given its place to another one, as by
    /// quantize --force.
    bool is_out_of_date() const { return folder_ && folder_->is_replaced(); }

  private:
    void add(std::string file, std::string tensor, std::string what) {
        report_.findings.push_back({std::move(file), std::move(tensor), std::move(what)});
    }

    /// What is wrong with the sidecar becomes a finding. Nothing at that path at all stays an
    /// error.
    bool read_sidecar() {
        if (!io::exists(path_))
            throw Error(ErrorCode::kBadInput, printable(path_.native()),
                        "not found; check the path");
        fs::path folder = path_;
        try {
            folder = octet_set::find_set_folder(path_);
            folder_ = io::HeldFolder(folder);
            sidecar_ = octet_set::read_sidecar(*folder_, io::links_of(options_.follow_links));
            total_bytes_ = total_bytes();
            return true;
        } catch (const Error& error) {
            if (error.code() != ErrorCode::kBadInput) throw;
            const auto what = commands::after_subject(error.what(), folder / kSidecarName);
            add(std::string(kSidecarName), "", what.value_or(error.what()));
            return false;
        }
    }

    /// What is read in all, for the progress: the data files, and the source. A sidecar can say
    /// anything: sums that overflow wrap.
    std::uint64_t total_bytes() const {
        std::uint64_t bytes = octet_set::total_bytes(sidecar_.files);
        for (const TensorReport& tensor : sidecar_.tensors)
            bytes += options_.source ? tensor.source_bytes : 0;
        return bytes;
    }

    /// Sidecar and headers against each other. What does not fit is a finding.
    bool open(commands::FileChecks& files) {
        try {
            std::vector<TensorReport> tensors =
                std::move(sidecar_.tensors);  // may be many, and are the set's now
            octet_set::Sidecar whole = sidecar_;
            whole.tensors = std::move(tensors);
            set_ = octet_set::open_set(*folder_, std::move(whole));
            return true;
        } catch (const Error& error) {
            if (error.code() != ErrorCode::kBadInput) throw;
            files.explain(error);
            return false;
        }
    }

    void check_source() {
        WriteOptions last_part = commands::reading_options(options_);
        last_part.progress = pipeline::part_of(
            options_.progress, octet_set::total_bytes(sidecar_.files), total_bytes_);
        for (Finding& finding : commands::verify_against_source(set_, options_, last_part))
            report_.findings.push_back(std::move(finding));
    }

    void sum_up() {
        report_.totals = octet_set::totals_of(set_.sidecar);
        report_.tensors = std::move(set_.sidecar.tensors);
    }

    fs::path path_;
    const VerifyOptions& options_;
    VerifyReport report_;
    std::optional<io::HeldFolder> folder_;  // all of the set's files are opened through it
    octet_set::Sidecar sidecar_;            // its tensors are set_'s once that is open
    std::uint64_t total_bytes_ = 0;
    octet_set::QuantizedSet set_;
};

/// Of the set that was at `set` when it was opened, or, if it found something there and another one
/// took its place meanwhile, of that one: the files of a set that was replaced are being removed.
VerifyReport verify_in_place(const fs::path& set, const VerifyOptions& options) {
    for (int replaced = 0;; ++replaced) {
        Verification verification(set, options);
        const auto is_out_of_date = [&] {
            return replaced < io::kMostReplacements && verification.is_out_of_date();
        };
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
    const bool is_gguf = io::exists(set) && checkpoint::is_gguf(set);
    VerifyReport report = is_gguf ? commands::verify_gguf(set, options)
                          : commands::is_reported_folder(set)
                              ? commands::verify_folder(set, options)
                              : verify_in_place(set, options);
    report.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace octet
