// What quantize() would do, and why, without doing it. Plain values; sizes in bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet {

/// One tensor of a plan.
struct PlannedTensor {
    TensorReport tensor;  ///< without statistics, scale and checksums, which need the data
    std::string rule;     ///< what decided: "dtype", "rule 'PATTERN=SCHEME'", "options", "preset all", ...
    std::string reason;   ///< why, one line
    std::string change;   ///< what would change it, one line
    std::optional<double>
        bits_per_weight;  ///< 8 x output bytes / elements, six digits; of a quantized tensor that has elements
};

/// What plan_quantize() returns.
struct PlanReport {
    std::string input;                     ///< the path as it was given
    Totals totals;                         ///< without SQNR and errors, which need the data
    std::vector<PlannedTensor> tensors;    ///< in file order
    std::vector<FileReport> input_files;   ///< name and bytes
    std::vector<FileReport> output_files;  ///< the data files, exactly as quantize() would write them
    std::uint64_t free_space_bytes = 0;    ///< what quantize() asks of the target's file system before its first byte
    bool scanned = false;                  ///< every value was read
    bool depends_on_values = false;        ///< values that were not read decide: not finite, or tied and equal
    double seconds = 0;                    ///< wall time of the operation
};

/// Plans quantize(`input`, ..., `options`): the same decisions, the same bytes. Reads headers only, unless `scan`, which reads every value
/// once: with OnNonFinite::kKeep to find the tensors that have to be kept, with kError to refuse the checkpoint as quantize() would.
/// `options.gates`, `keep_on_failure` and those of `write` other than threads, progress and stop_requested are not looked at. Writes nothing.
/// Throws Error as quantize() does: kUsage, kBadInput, kIo.
PlanReport plan_quantize(const std::filesystem::path& input, const QuantizeOptions& options, bool scan);

/// The schemes of the table in docs/quantization.md, in its order; each name parses back to its scheme.
std::vector<Scheme> named_schemes();

}  // namespace octet
