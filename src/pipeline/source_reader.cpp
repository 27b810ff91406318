// The two ways are timed on a few pieces before the work begins; the choice holds for the run.
// OCTET_READER forces one.
#include "pipeline/source_reader.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/active_kernels.hpp"

namespace octet::pipeline {
namespace {

/// Smaller pieces are copied: each would map a large folio for a few bytes.
constexpr std::uint64_t kLeastMappedBytes = 64U << 10U;

/// Each worker's mapped piece pulls in whole folios, which a bounded memory affords few workers.
constexpr unsigned kMostMappingWorkers = 4;

/// Checkpoints below this size are mapped without asking: the probe would cost more than it can
/// save.
constexpr std::uint64_t kLeastProbedBytes = 48U << 20U;
constexpr std::uint64_t kProbeBytes = 512U << 10U;
constexpr std::uint64_t kProbes = 3;

/// Faults for all mapped pieces that tell large folios, of which each brings a whole one, from
/// small ones: 3 to 4 and 24 on the machine of docs/performance.md.
constexpr std::uint64_t kMostFaultsOfLarge = 10;

/// How much slower mapped pieces of large folios may look. Whole runs read mapped take 0.75 to 0.85
/// x those that copy, and single pieces 0.9 to 1.2 x; of small folios 1.2 to 1.35 x and 1.2 to 1.7
/// x.
constexpr double kLargeFoliosWeigh = 1.5;

/// Bytes that one system call brings at least: they stay in the second-level cache until they are
/// used.
constexpr std::uint64_t kLeastReadBytes = 256U << 10U;

using Clock = std::chrono::steady_clock;

/// Reads the bytes as the range pass does.
void pass_over(ConstBytes bytes) {
    kernels::Range range = {0, 0, true};
    quant::active_kernels().range_f32(bytes.data(), bytes.size() / sizeof(float), range);
}

template <typename Action>
double seconds_for(Action action) {
    const auto start = Clock::now();
    action();
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Reads a few pieces across the file both ways; true when the best mapped piece, its pages taken
/// out again, was no slower than the best copied one, or on large folios not much slower. Pieces
/// that are not in the page cache are not touched: a file that has to come from the disk is better
/// read in large requests.
bool mapping_is_faster(const io::File& file, const io::Mapping& mapping) {
    double mapped = std::numeric_limits<double>::infinity();
    double copied = mapped;
    std::vector<std::byte> buffer(kProbeBytes);
    bool readable = true;
    std::uint64_t faults = 0;
    const std::uint64_t stride = (file.size() / (kProbes + 1)) / kProbeBytes * kProbeBytes;
    for (std::uint64_t i = 1; i <= kProbes; ++i) {
        const std::uint64_t at = i * stride;
        if (!mapping.is_cached(at, 2 * kProbeBytes)) return false;
        const double seconds_mapped = seconds_for([&] {
            const std::uint64_t faults_before = io::minor_faults();
            readable = io::read_mapped([&] { pass_over(mapping.bytes(at, kProbeBytes)); });
            faults += io::minor_faults() - faults_before;
            mapping.drop(at, kProbeBytes);
        });
        const double seconds_copied = seconds_for([&] {
            file.read_at(buffer, at + kProbeBytes);
            pass_over(buffer);
        });
        if (!readable) return false;
        mapped = std::min(mapped, seconds_mapped);
        copied = std::min(copied, seconds_copied);
    }
    return mapped <= (faults <= kMostFaultsOfLarge ? kLargeFoliosWeigh : 1.0) * copied;
}

}  // namespace

void SourceBytes::read_up_to(std::uint64_t end) {
    const std::uint64_t stop = std::min(bytes_.size(), std::max(end, there_ + kLeastReadBytes));
    file_->read_at(buffer_.subspan(there_, stop - there_), offset_ + there_);
    there_ = stop;
}

SourceReader::SourceReader(std::span<const io::File* const> files, unsigned workers) {
    const char* const forced = std::getenv("OCTET_READER");
    const std::string_view reader = forced == nullptr ? "" : forced;
    if (!reader.empty() && reader != "pread" && reader != "mapped")
        throw Error(ErrorCode::kUsage, "OCTET_READER",
                    "no reader " + in_quotes(reader) + "; use mapped or pread");
    if (reader == "pread" || (reader != "mapped" && workers > kMostMappingWorkers)) return;
    const io::File* largest = nullptr;
    std::uint64_t total_bytes = 0;
    for (const io::File* const file : files) {
        if (!mappings_.contains(file)) {
            mappings_.emplace(file, io::Mapping::of(*file));
            total_bytes += file->size();
        }
        if (largest == nullptr || file->size() > largest->size()) largest = file;
    }
    maps_ = true;
    if (largest == nullptr || reader == "mapped" || total_bytes < kLeastProbedBytes) return;
    const io::Mapping& mapping = mappings_.at(largest);
    maps_ = !mapping.is_empty() && mapping_is_faster(*largest, mapping);
}

const io::Mapping* SourceReader::mapping_for(const io::File& file, std::uint64_t size) const {
    if (!maps_ || size < kLeastMappedBytes) return nullptr;
    const io::Mapping& mapping = mappings_.at(&file);
    return mapping.is_empty() ? nullptr : &mapping;
}

/// Reads the same bytes in the ordinary way, which fails with the reason.
void SourceReader::explain_fault(const io::File& file, std::uint64_t offset, std::uint64_t size,
                                 Bytes buffer) {
    for (std::uint64_t done = 0; done < size; done += buffer.size())
        file.read_at(buffer.first(std::min<std::uint64_t>(buffer.size(), size - done)),
                     offset + done);
    throw Error(ErrorCode::kIo, printable(file.name()),
                "could not be read for a moment; let nothing write to it and try again");
}

}  // namespace octet::pipeline
