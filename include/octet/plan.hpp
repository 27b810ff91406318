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

/// Why tensors are treated as they are.
struct PlanReason {
    std::string rule;    ///< what decided: "dtype", "rule 'PATTERN=SCHEME'", "options", "preset all", ...
    std::string reason;  ///< why, one line
    std::string change;  ///< what would change it, one line

    friend bool operator==(const PlanReason&, const PlanReason&) = default;
};

/// 8 x output bytes / elements, six digits; of a quantized tensor that has elements.
std::optional<double> bits_per_weight(const TensorReport& tensor);

/// What the planner can do with a number of bytes.
struct CurvePoint {
    std::uint64_t byte_count = 0;  ///< of the data files, exactly: asked for, it is enough
    double sqnr_db = 0;            ///< of the quantized tensors but buffers; six digits
};

/// How the planner's choice stands.
struct PlannerReport {
    double sqnr_db = 0;  ///< as in CurvePoint
    /// How much more squared error it makes than the bound that no choice among the same schemes can beat in as many bytes, as a part of that,
    /// six digits; nothing where the bound is 0.
    std::optional<double> over_bound;
    std::vector<CurvePoint> curve;  ///< from the smallest set to the largest
};

/// What plan_quantize() returns.
struct PlanReport {
    std::string input;  ///< the path as it was given
    Totals totals;      ///< without SQNR and errors, which need the data, unless the planner measured them
    /// In file order; without scale and checksums, which need the data, and statistics, unless the planner measured them.
    std::vector<TensorReport> tensors;
    std::vector<PlanReason> reasons;       ///< the different ones, in the order in which they first occur
    std::vector<std::uint32_t> reason_of;  ///< of each tensor: which of them
    std::vector<FileReport> input_files;   ///< name and bytes
    std::vector<FileReport> output_files;  ///< the data files, exactly as quantize() would write them
    std::uint64_t free_space_bytes = 0;    ///< what quantize() asks of the target's file system before its first byte
    bool scanned = false;                  ///< every value was read
    bool depends_on_values = false;        ///< values that were not read decide: not finite, or tied and equal
    std::optional<PlannerReport> planner;  ///< where a size or an SQNR was asked for
    double seconds = 0;                    ///< wall time of the operation
};

/// Plans quantize(`input`, ..., `options`): the same decisions, the same bytes. Reads headers only, unless `scan`, which reads every value
/// once (as does a size or an SQNR to be reached, whether `scan` or not, as often as it needs): with OnNonFinite::kKeep to find the tensors that have to be kept, with kError to refuse the checkpoint as quantize() would.
/// `options.gates`, `keep_on_failure` and those of `write` other than threads, progress and stop_requested are not looked at. Writes nothing.
/// Throws Error as quantize() does: kUsage, kBadInput, kIo.
PlanReport plan_quantize(const std::filesystem::path& input, const QuantizeOptions& options, bool scan);

/// The schemes of the table in docs/quantization.md, in its order; each name parses back to its scheme.
std::vector<Scheme> named_schemes();

}  // namespace octet
