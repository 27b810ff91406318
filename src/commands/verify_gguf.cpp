// Each file by itself: its structure by opening it; where octet wrote it, the seal of its header,
// the checksum of every tensor, and zeros in the gaps between them.
#include "commands/verify_gguf.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/text.hpp"
#include "formats/gguf/gguf_source.hpp"
#include "formats/gguf/read_values.hpp"
#include "octet/error.hpp"
#include "pipeline/piece_checksums.hpp"
#include "quant/checksum.hpp"

namespace octet::commands {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSeal = "octet.seal";
constexpr std::string_view kChecksums = "octet.checksums";

/// One file: its own header, and what octet wrote of it there, if it was octet.
class FileCheck {
  public:
    FileCheck(const io::File& file, std::string name, VerifyReport& report)
        : file_(file), name_(std::move(name)), report_(report), header_(gguf::read_header(file)) {}

    /// False where the file has no checksums to hold it against.
    bool check_header() {
        const bool is_octets =
            std::any_of(header_.keys.begin(), header_.keys.end(),
                        [](const gguf::ReadKey& key) { return key.name.starts_with("octet."); });
        if (!is_octets) return false;
        if (!check_seal()) return true;
        read_checksums();
        check_gaps();
        return true;
    }

    /// Tensors whose checksum is known, and what it is.
    std::vector<std::pair<const gguf::ReadTensor*, Checksum>> expected() const {
        std::vector<std::pair<const gguf::ReadTensor*, Checksum>> expected;
        for (const gguf::ReadTensor& tensor : header_.tensors) {
            if (tensor.number < checksums_.size() && checksums_[tensor.number])
                expected.emplace_back(&tensor, *checksums_[tensor.number]);
        }
        return expected;
    }

    const io::File& file() const noexcept { return file_; }

    void add(std::string tensor, std::string what) {
        report_.findings.push_back({name_, std::move(tensor), std::move(what)});
    }

  private:
    /// The seal is the checksum of the header whose seal is zeros.
    bool check_seal() {
        const gguf::ReadKey* const seal = gguf::find_key(header_.keys, kSeal);
        const std::optional<Checksum> expected =
            seal == nullptr ? std::nullopt : parse_checksum(seal->text);
        if (!expected) {
            add("",
                fmt::format("has keys of octet's and no {} that is a checksum", in_quotes(kSeal)));
            return false;
        }
        std::string bytes(std::min(header_.data_start, file_.size()), '\0');
        file_.read_at(std::as_writable_bytes(std::span(bytes)), 0);
        std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(seal->offset), seal->text.size(),
                    '0');
        const Checksum found = quant::checksum_of(std::as_bytes(std::span(bytes)));
        if (found == *expected) return true;
        add("", fmt::format("its header has the checksum {}, the seal says {}",
                            checksum_text(found), seal->text));
        return false;
    }

    void read_checksums() {
        const gguf::ReadKey* const key = gguf::find_key(header_.keys, kChecksums);
        const bool has_texts =
            key != nullptr && gguf::for_each_text(file_, *key, [&](std::string&& text) {
                checksums_.push_back(parse_checksum(text));
            });
        if (!has_texts || checksums_.size() != header_.tensors.size())
            add("", fmt::format("key {} has not a checksum for each of {} tensors",
                                in_quotes(kChecksums), with_commas(header_.tensors.size())));
    }

    /// What lies between and behind the tensors is zeros up to the alignment, and nothing is behind
    /// that.
    void check_gaps() {
        std::uint64_t end = header_.data_start;
        for (const gguf::ReadTensor& tensor : header_.tensors) {
            if (tensor.byte_count == 0) continue;
            check_zeros(end, tensor.offset);
            end = tensor.offset + tensor.byte_count;
        }
        check_zeros(end, file_.size());
        const std::uint64_t padded =
            (end + header_.alignment - 1) / header_.alignment * header_.alignment;
        if (file_.size() != padded)
            add("", fmt::format("has {} bytes, and its header makes it {}",
                                with_commas(file_.size()), with_commas(padded)));
    }

    void check_zeros(std::uint64_t begin, std::uint64_t end) {
        std::array<std::byte, 4096> part;
        for (std::uint64_t at = begin; at < end; at += part.size()) {
            const std::span<std::byte> bytes =
                std::span(part).first(std::min<std::uint64_t>(part.size(), end - at));
            file_.read_at(bytes, at);
            const auto other = std::find_if(bytes.begin(), bytes.end(),
                                            [](std::byte b) { return b != std::byte{0}; });
            if (other == bytes.end()) continue;
            return add(
                "",
                fmt::format("byte {} belongs to no tensor and is not 0",
                            with_commas(at + static_cast<std::uint64_t>(other - bytes.begin()))));
        }
    }

    const io::File& file_;
    std::string name_;
    VerifyReport& report_;
    gguf::Header header_;
    std::vector<std::optional<Checksum>> checksums_;
};

void check_tensors(std::vector<FileCheck>& checks, const VerifyOptions& options) {
    std::vector<pipeline::Region> regions;
    std::vector<std::pair<FileCheck*, std::pair<const gguf::ReadTensor*, Checksum>>> expected;
    for (FileCheck& check : checks) {
        for (const auto& one : check.expected()) {
            regions.push_back({{&check.file(), one.first->offset, one.first->byte_count}});
            expected.emplace_back(&check, one);
        }
    }
    WriteOptions reading;
    reading.threads = options.threads;
    reading.progress = options.progress;
    reading.stop_requested = options.stop_requested;
    const std::vector<Checksum> found = pipeline::piece_checksums(regions, reading);
    for (std::size_t i = 0; i < found.size(); ++i) {
        const auto& [tensor, checksum] = expected[i].second;
        if (found[i] == checksum) continue;
        expected[i].first->add(tensor->name,
                               fmt::format("its {} bytes have the checksum {}, the file says {}",
                                           with_commas(tensor->byte_count), checksum_text(found[i]),
                                           checksum_text(checksum)));
    }
}

void sum_up(gguf::GgufFile&& file, VerifyReport& report) {
    const gguf::GgufSource source(std::move(file));
    report.tensors = source.tensors();
    report.totals = source.totals();
}

}  // namespace

VerifyReport verify_gguf(const fs::path& path, const VerifyOptions& options) {
    if (options.source)
        throw Error(ErrorCode::kUsage, "--source",
                    "is of sets; octet compare holds a GGUF file against its source");
    VerifyReport report;
    report.input = path.native();
    report.format = "gguf";
    const std::string name = path.filename().native();
    try {
        gguf::GgufFile file = gguf::open_gguf(path, io::links_of(options.follow_links));
        std::vector<FileCheck> checks;
        checks.reserve(file.files.size());
        for (std::size_t i = 0; i < file.files.size(); ++i) {
            checks.emplace_back(file.files[i], file.base_names[i], report);
            report.has_checksums = checks.back().check_header() && (i == 0 || report.has_checksums);
        }
        check_tensors(checks, options);
        sum_up(std::move(file), report);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::kBadInput || !io::exists(path)) throw;
        report.findings.push_back({name, "", error.what()});
    }
    return report;
}

}  // namespace octet::commands
