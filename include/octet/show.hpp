// Looking at one tensor: what show() takes and returns. Values as NumPy and torch see them: C
// order, a corner of what is large.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet {

/// The most elements that are shown of a tensor; more are refused (kUsage).
inline constexpr std::uint64_t kMostShown = 100'000;

struct ShowOptions {
    std::filesystem::path source;  ///< the original of `path`, as inspect takes it; empty: none
    /// The most that are shown of the last dimension but one, and of the last: half of them from
    /// each end, of an odd number one more from the beginning. Empty: as torch does, 6 where there
    /// are more than 1,000 elements, else all.
    std::optional<std::uint64_t> rows;
    std::optional<std::uint64_t> columns;
    /// What is looked at is t[i, j, ...]; a negative number counts from the end.
    std::vector<std::int64_t> index;
    std::filesystem::path
        npy;             ///< where to write all of it, a name that ends in .npy; empty: nowhere
    WriteOptions write;  ///< force, sync, follow_links, stop_requested, note, progress
};

/// What is shown of one dimension: its first and its last places.
struct ShownDimension {
    std::uint64_t length = 0;
    std::uint64_t head = 0;
    std::uint64_t tail = 0;  ///< 0 where all are shown; head + tail <= length

    std::uint64_t count() const noexcept { return head + tail; }
    bool is_cut() const noexcept { return count() < length; }

    friend bool operator==(const ShownDimension&, const ShownDimension&) = default;
};

/// Elements of a tensor.
struct ShownTensor {
    Dtype dtype = Dtype::kF32;
    std::vector<ShownDimension> dimensions;  ///< none: one element
    std::vector<double> floats;              ///< what is shown, in C order: of a float dtype
    std::vector<std::int64_t> integers;      ///< the same of any other; of U64 its bits
};

/// Sums over all values that are looked at.
struct ValueFigures {
    std::uint64_t count = 0;
    std::uint64_t non_finite = 0;  ///< NaN and infinities; they count in nothing below
    double min = 0;
    double max = 0;
    double mean = 0;
    double std = 0;              ///< that of a sample, divided by count - 1, as torch's
    std::uint64_t zeros = 0;     ///< values that are 0
    std::uint64_t outliers = 0;  ///< further than 4 std from the mean
};

/// Counts of values in equal parts of [low, high]; the last part has its end.
struct ShownHistogram {
    double low = 0;
    double high = 0;
    std::vector<std::uint64_t> counts;
    std::uint64_t outside = 0;  ///< finite values below low or above high
};

/// The values that codes stand for in one block.
struct CodeGrid {
    std::int32_t least = 0;  ///< the least and the largest code
    std::int32_t largest = 0;
    double value_of_least = 0;
    double value_of_largest = 0;
    std::uint64_t blocks =
        1;  ///< of the tensor; where there are several it is the grid of the first one shown
};

/// How far the restored values are from the source's, measured.
struct ShownError {
    double max_abs_error = 0;
    double rmse = 0;
    double sqnr_db = 0;  ///< +inf when nothing was lost
};

/// What show() returns. Of a tensor that is not quantized, without a source, `values` alone.
struct ShowReport {
    std::string input;
    std::string source;  ///< empty without one
    std::string format;  ///< "safetensors", "octet" or "gguf"
    TensorReport tensor;
    std::vector<std::uint64_t> index;  ///< as it was given, counted from the beginning
    std::optional<ShownTensor>
        values;  ///< the source's; without one those of a tensor that is not quantized
    std::optional<ShownTensor> codes;     ///< of octet's own schemes; U8, or I8 of symmetric ones
    std::optional<ShownTensor> restored;  ///< F32, of a quantized tensor, or beside a source
    std::optional<ShownTensor> errors;    ///< |values - restored|
    /// Scale and zero point of each block of the tensor ([blocks down, blocks across], of a batch
    /// by matrix), as far as shown; of a single element, and of a tensor with one scale, one
    /// number.
    std::optional<ShownTensor> scales;
    std::optional<ShownTensor> zero_points;
    ValueFigures figures;      ///< of the values, else the restored ones
    ShownHistogram histogram;  ///< of the same, from min to max
    std::optional<CodeGrid> grid;
    std::optional<ShownError> error;
    std::optional<ShownHistogram> error_histogram;  ///< (value - restored) / scale, from -1 to 1
    std::optional<FileReport> npy;
    double seconds = 0;
};

/// Looks at tensor `name` of a checkpoint, set or GGUF file. What is shown is read alone; figures
/// and histograms take two passes over the tensor, in bounded memory. Throws Error: kUsage (no such
/// tensor; an index or file that cannot be), kBadInput (a dtype without values, a source that does
/// not fit), kIo.
ShowReport show(const std::filesystem::path& path, const std::string& name,
                const ShowOptions& options);

}  // namespace octet
