#include "octet/verify.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "checkpoint/index.hpp"
#include "octet/error.hpp"
#include "run/find_set.hpp"
#include "run/promise.hpp"
#include "run/regions.hpp"
#include "state/quantized_set.hpp"
#include "state/totals.hpp"

namespace octet {
namespace {

namespace fs = std::filesystem;

WriteOptions reading(const VerifyOptions& options) {
    WriteOptions reading;
    reading.threads = options.threads;
    reading.progress = options.progress;
    reading.stop_requested = options.stop_requested;
    return reading;
}

class Verification {
  public:
    Verification(const fs::path& path, const VerifyOptions& options) : path_(path), options_(options) {}

    VerifyReport run() {
        report_.input = path_.native();
        if (open()) {
            check_files();
            check_tensors();
            check_companions();
            check_index();
            if (options_.source) check_source();
            report_.totals = state::totals_of(set_.sidecar.tensors, set_.sidecar.source_sum_of_squares);
            report_.totals.source_bytes = state::total_bytes(set_.sidecar.source_files);
            report_.totals.output_bytes = state::total_bytes(set_.sidecar.files);
        }
        return std::move(report_);
    }

  private:
    void add(std::string file, std::string tensor, std::string what) {
        report_.findings.push_back({std::move(file), std::move(tensor), std::move(what)});
    }

    /// Opens the set; what is wrong with its structure becomes a finding. Nothing at that path at all stays an error.
    bool open() {
        std::error_code ignored;
        if (!fs::exists(path_, ignored))
            throw Error(ErrorCode::kBadInput, printable(path_.native()), "not found; check the path");
        try {
            set_ = state::open_set(run::find_set_folder(path_));
            return true;
        } catch (const Error& error) {
            if (error.code() != ErrorCode::kBadInput) throw;
            add(std::string(kSidecarName), "", error.what());
            return false;
        }
    }

    void check_files() {
        std::vector<run::Region> regions;
        for (const state::DataFile& data : set_.data_files) regions.push_back({&data.file, 0, data.file.size()});
        const std::vector<Checksum> found = run::piece_checksums(regions, reading(options_));
        for (std::size_t i = 0; i < found.size(); ++i) {
            const FileReport& listed = set_.sidecar.files[i];
            const bool same = found[i] == *listed.checksum;
            broken_.push_back(!same);
            if (!same)
                add(listed.name, "",
                    fmt::format("its {} bytes have the checksum {}, the sidecar says {}",
                                with_commas(listed.byte_count), checksum_text(found[i]),
                                checksum_text(*listed.checksum)));
        }
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
                fmt::format("bytes {} to {} are not what was written", with_commas(stored.offset),
                            with_commas(stored.offset + stored.byte_count)));
        }
        for (std::size_t i = 0; i < broken_.size(); ++i) {
            if (broken_[i] && !explained[i])
                add(set_.sidecar.files[i].name, "", "its header is not what was written; all tensor data are");
        }
    }

    void check_companions() {
        for (const FileReport& listed : set_.sidecar.companions) {
            std::error_code ignored;
            if (!fs::exists(set_.folder / listed.name, ignored)) {
                add(listed.name, "", "is missing");
                continue;
            }
            const FileReport found = run::whole_file_checksum(set_.folder / listed.name);
            if (found.byte_count != listed.byte_count) {
                add(listed.name, "",
                    fmt::format("has {} bytes, the sidecar says {}", with_commas(found.byte_count),
                                with_commas(listed.byte_count)));
            } else if (found.checksum != listed.checksum) {
                add(listed.name, "", "is not what was copied: its checksum differs");
            }
        }
    }

    /// The set's index follows from the sidecar, so its text is made again and compared.
    void check_index() {
        if (!set_.sidecar.source_index) return;
        const std::string name(kSetIndexName);
        std::error_code ignored;
        if (!fs::exists(set_.folder / name, ignored)) return add(name, "", "is missing");
        std::vector<std::pair<std::string, std::string>> weights;
        std::uint64_t bytes = 0;
        for (std::size_t i = 0; i < set_.stored.size(); ++i) {
            weights.emplace_back(set_.sidecar.tensors[i].name, set_.sidecar.files[set_.stored[i].file].name);
            bytes += set_.stored[i].byte_count;
        }
        const std::string expected =
            checkpoint::index_text_of(checkpoint::with_total_size(set_.sidecar.source_index->metadata, bytes), weights);
        std::string found;
        try {
            found = io::read_text_file(set_.folder / name, expected.size());
        } catch (const Error& error) {
            if (error.code() != ErrorCode::kBadInput) throw;
        }
        if (found != expected) add(name, "", "does not name the tensors and files of the sidecar");
    }

    void check_source() {
        report_.source = options_.source->native();
        for (Finding& finding :
             run::check_promise(set_, checkpoint::open_checkpoint(*options_.source), reading(options_))) {
            report_.findings.push_back(std::move(finding));
        }
    }

    fs::path path_;
    const VerifyOptions& options_;
    VerifyReport report_;
    state::QuantizedSet set_;
    std::vector<bool> broken_;  // data files whose checksum does not match
};

}  // namespace

VerifyReport verify(const fs::path& set, const VerifyOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    VerifyReport report = Verification(set, options).run();
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace octet
