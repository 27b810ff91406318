// What quantize() would do, and why. Plain values; sizes in bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet {

/// Why tensors are quantized or kept as they are.
struct PlanReason {
    std::string
        rule;  ///< what decided: "dtype", "rule 'PATTERN=SCHEME'", "options", "preset all", ...
    std::string reason;  ///< why, one line
    std::string change;  ///< what would change the decision, one line

    friend bool operator==(const PlanReason&, const PlanReason&) = default;
};

/// 8 x output bytes / elements, six digits; nothing for a kept tensor or one without elements.
std::optional<double> bits_per_weight(const TensorReport& tensor);

/// The best choice of the planner for a number of bytes.
struct CurvePoint {
    std::uint64_t byte_count =
        0;               ///< of the data files, exactly; as `max_size` it gives this choice
    double sqnr_db = 0;  ///< of the quantized tensors but buffers; six digits
};

/// How good the planner's choice is.
struct PlannerReport {
    double sqnr_db = 0;  ///< as in CurvePoint
    /// How far the squared error of the choice is above the bound that no choice of the same
    /// schemes can beat in as many bytes, as a fraction of the bound, six digits; nothing where the
    /// bound is 0.
    std::optional<double> over_bound;
    std::vector<CurvePoint> curve;  ///< from the smallest set to the largest
};

/// What plan_quantize() returns.
struct PlanReport {
    std::string input;        ///< the path as it was given
    std::string format = {};  ///< "gguf" where `type` asks for such a file; else empty
    Totals totals;  ///< SQNR and errors need the data: present only if the planner measured them
    /// In file order. Scale and checksums need the data and are absent, and so are statistics,
    /// unless the planner measured them.
    std::vector<TensorReport> tensors;
    std::vector<PlanReason>
        reasons;  ///< the different reasons, in the order of their first tensors
    std::vector<std::uint32_t> reason_of;  ///< for each tensor, the index into `reasons`
    std::vector<FileReport> input_files;   ///< name and bytes
    /// The data files, exactly as quantize() would write them; a GGUF file is called "model.gguf"
    /// here.
    std::vector<FileReport> output_files;
    std::uint64_t free_space_bytes = 0;  ///< free space that quantize() requires before it writes
    bool scanned = false;                ///< every value was read
    bool depends_on_values =
        false;  ///< values that were not read can change the plan (not finite; tied and equal)
    std::optional<PlannerReport> planner;  ///< present where a size or an SQNR was requested
    double seconds = 0;                    ///< wall time of the operation
};

/// Plans quantize(`input`, ..., `options`): the same decisions, the same bytes. Writes nothing.
/// Reads headers only, with two exceptions. `scan` reads every value once: with OnNonFinite::kKeep
/// to find the tensors that have to be kept, with kError to refuse the checkpoint as quantize()
/// would. A requested size or SQNR reads the data as often as the planner needs. Ignored are
/// `options.gates`, `keep_on_failure`, and of `write` all but threads, progress and stop_requested.
/// Throws Error as quantize() does: kUsage, kBadInput, kIo, kCheckFailed.
PlanReport plan_quantize(const std::filesystem::path& input, const QuantizeOptions& options,
                         bool scan);

/// The schemes of the table in docs/quantization.md, in its order; each name parses back to its
/// scheme.
std::vector<Scheme> named_schemes();

}  // namespace octet
