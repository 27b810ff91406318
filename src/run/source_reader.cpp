#include "run/source_reader.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/values.hpp"

namespace octet::run {
namespace {

/// Smaller pieces are copied: each would map a large folio for a few bytes.
constexpr std::uint64_t kLeastMappedBytes = 64U << 10U;

/// Each worker's mapped piece pulls in whole folios, which a bounded memory affords few workers.
constexpr unsigned kMostMappingWorkers = 4;

/// Checkpoints below this size are mapped without asking: the probe would cost more than it can save.
constexpr std::uint64_t kLeastProbedBytes = 48U << 20U;
constexpr std::uint64_t kProbeBytes = 512U << 10U;
constexpr std::uint64_t kProbes = 3;

using Clock = std::chrono::steady_clock;

/// Seconds that one pass over the bytes takes, as the range pass reads them.
double seconds_to_read(ConstBytes bytes) {
    const auto start = Clock::now();
    kernels::Range range = quant::empty_range();
    quant::add_range(Dtype::kF32, bytes, range);
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Reads a few pieces across the file both ways; true when the best mapped piece was no slower than the best copied one. Pieces that are
/// not in the page cache are not touched: a file that has to come from the disk is better read in large requests.
bool mapping_is_faster(const io::File& file, const io::Mapping& mapping) {
    double mapped = std::numeric_limits<double>::infinity();
    double copied = mapped;
    std::vector<std::byte> buffer(kProbeBytes);
    const std::uint64_t stride = (file.size() / (kProbes + 1)) / kProbeBytes * kProbeBytes;
    for (std::uint64_t i = 1; i <= kProbes; ++i) {
        const std::uint64_t at = i * stride;
        if (!mapping.is_cached(at, 2 * kProbeBytes)) return false;
        double seconds = 0;
        if (!io::read_mapped([&] { seconds = seconds_to_read(mapping.bytes(at, kProbeBytes)); })) return false;
        mapped = std::min(mapped, seconds);
        mapping.drop(at, kProbeBytes);
        const auto start = Clock::now();
        file.read_at(buffer, at + kProbeBytes);
        seconds_to_read(buffer);
        copied = std::min(copied, std::chrono::duration<double>(Clock::now() - start).count());
    }
    return mapped <= copied;
}

}  // namespace

SourceReader::SourceReader(std::span<const TensorJob> jobs, unsigned workers) {
    const char* const forced = std::getenv("OCTET_READER");
    const std::string_view reader = forced == nullptr ? "" : forced;
    if (!reader.empty() && reader != "pread" && reader != "mapped")
        throw Error(ErrorCode::kUsage, "OCTET_READER", "no reader " + in_quotes(reader) + "; use mapped or pread");
    if (reader == "pread" || (reader != "mapped" && workers > kMostMappingWorkers)) return;
    const io::File* last = nullptr;
    const io::File* largest = nullptr;
    std::uint64_t total_bytes = 0;
    for (const TensorJob& job : jobs) {
        if (job.source == last) continue;
        last = job.source;
        if (!mappings_.contains(last)) {
            mappings_.emplace(last, io::Mapping::of(*last));
            total_bytes += last->size();
        }
        if (largest == nullptr || last->size() > largest->size()) largest = last;
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
void SourceReader::explain_fault(const io::File& file, std::uint64_t offset, std::uint64_t size, Bytes buffer) {
    for (std::uint64_t done = 0; done < size; done += buffer.size())
        file.read_at(buffer.first(std::min<std::uint64_t>(buffer.size(), size - done)), offset + done);
    throw Error(ErrorCode::kIo, printable(file.name()),
                "could not be read for a moment; let nothing write to it and try again");
}

}  // namespace octet::run
