// Comparing two checkpoints: which tensors they have, and how far their values are apart. Plain
// values. A is the reference, B is judged. Statistics are rounded to six significant digits where
// they are made, as in report.hpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "octet/dtype.hpp"
#include "octet/options.hpp"
#include "octet/report.hpp"
#include "octet/scheme.hpp"

namespace octet {

/// Options of compare().
struct CompareOptions {
    std::string tensors;  ///< a pattern over names (docs/cli.md), for both sides; empty: all
    Gates gates;          ///< max_output_size applies to the data files of B
    ReadOptions read;
};

/// counts[i] elements have edges[i] <= |error| / scale < edges[i + 1]; the last edge is +inf, and
/// its bin takes infinite errors.
struct Histogram {
    std::vector<double> edges;
    std::vector<std::uint64_t> counts;
};

/// How far the values of a float tensor of B are from those of A. Differences are computed in
/// float32, or in float64 where either side is F64. NaN equals NaN and an infinity equals itself.
/// Any other pair with a value that is not finite counts as an infinite error and is left out of
/// the cosine and the counts.
struct Differences {
    double sqnr_db = 0;        ///< 10 log10(sum a^2 / sum (a - b)^2); +inf when nothing differs
    double rmse = 0;           ///< sqrt(mean (a - b)^2)
    double max_abs_error = 0;  ///< max |a - b|
    std::optional<std::vector<std::uint64_t>>
        max_at;  ///< the first element with that error, an index per dimension; empty when nothing
                 ///< differs
    double cosine =
        1;  ///< sum ab / sqrt(sum a^2 sum b^2); 1 between zeros, 0 between zeros and others
    std::optional<double> srmse;   ///< rmse / scale, where a scale is known and not 0
    std::uint64_t sign_flips = 0;  ///< elements that are not 0 on either side and differ in sign
    std::uint64_t to_zero = 0;     ///< elements that are not 0 in A and are 0 in B
    std::optional<Histogram> histogram;  ///< of |a - b| / scale, where a scale is known and not 0
};

/// A tensor of the same name and shape on both sides.
struct TensorComparison {
    std::string name;
    Dtype dtype = Dtype::kF32;  ///< in A
    Shape shape;
    Kind kind = Kind::kOther;
    std::optional<Scheme> scheme;     ///< of the quantized side; of B where both are
    RareText type = {};               ///< GGUF type, such as "q4_k"; `scheme` is empty then
    std::optional<float> scale;       ///< per-tensor state
    std::optional<float> zero_point;  ///< per-tensor state
    std::uint64_t source_bytes = 0;   ///< stored in A, with its state
    std::uint64_t output_bytes = 0;   ///< stored in B, with its state
    std::optional<Differences>
        differences;  ///< empty where a side is no float: compared byte for byte
};

/// A tensor on both sides whose dtype, shape or bytes differ.
struct TensorChange {
    std::string name;
    std::string what;  ///< one line: dtype, shape, or where the bytes differ (of tensors that are
                       ///< no floats)
    bool dtype_only = false;  ///< the values could be compared nevertheless: no failure
};

/// What compare() returns.
struct CompareReport {
    std::string input;   ///< the path of A as it was given
    std::string output;  ///< the path of B as it was given
    bool input_is_set = false;
    bool output_is_set = false;
    std::string input_format = {};   ///< "safetensors", "octet" (a set) or "gguf"
    std::string output_format = {};  ///< the same of B
    /// Of the compared tensors as stored in B; source_bytes and source_framework_bytes are those of
    /// A. sqnr_db and max_abs_error are over all compared float tensors, except those that a set
    /// keeps and that do not differ, as quantize counts them.
    Totals totals;
    std::optional<double> overall_sqnr_db =
        {};  ///< of all floats but buffers, those that a set keeps and ties included
    std::vector<TensorComparison> tensors;  ///< in file order of A
    std::vector<std::string> missing;       ///< names in A alone, in file order of A
    std::vector<std::string> extra;         ///< names in B alone, in file order of B
    std::vector<std::string>
        dropped;  ///< names in one alone that the other's format has no place for: no failure
    std::vector<TensorChange> changed;  ///< in file order of A
    std::vector<Check> checks;          ///< one for each requested gate
    double seconds = 0;                 ///< wall time of the operation
};

/// Compares two checkpoints. Each is a plain checkpoint (file, shards, folder) or a set, whose
/// codes are restored on the fly: code * scale + zero_point in float32, not narrowed to the source
/// dtype. Reads both once, in bounded memory. The result does not depend on the number of threads.
/// Differences and failed gates do not throw. Throws Error: kUsage (an impossible limit, or a
/// pattern that matches nothing), kBadInput, kIo.
CompareReport compare(const std::filesystem::path& a, const std::filesystem::path& b,
                      const CompareOptions& options);

/// Opens each path as compare() does, one at a time, and reads no data: throws what compare() would
/// throw of it. For who compares several, and wants to know of the last before the first is read.
void check_comparable(const std::vector<std::filesystem::path>& paths,
                      const CompareOptions& options);

}  // namespace octet
