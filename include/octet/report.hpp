// Reports of the operations. Plain values; sizes in bytes, errors in the unit of the weights.
// Statistics are rounded to six significant digits where they are made, so that sidecar, JSON
// output and text of a run never disagree.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "octet/dtype.hpp"
#include "octet/scheme.hpp"

namespace octet {

/// The purpose of a tensor, derived from its name and shape.
enum class Kind : std::uint8_t {
    kWeight,
    kEmbedding,
    kHead,
    kPosition,
    kNorm,
    kBias,
    kBuffer,
    kOther
};

/// Number of kinds above.
inline constexpr int kKindCount = 8;

/// "weight", "embedding", ...
std::string_view kind_name(Kind kind) noexcept;

/// Special roles derived from names.
enum class Role : std::uint8_t {
    kNone,
    kRouter,  ///< it chooses the experts of a token: small, and everything depends on it
    kState,   ///< the scale, zero point or the like of a weight that came quantized: never changed
};

/// What `TensorReport::reason` of a Role::kState begins with; the weight's name in quotes follows.
inline constexpr std::string_view kStateReason = "the state of a weight that came quantized: ";

/// How far the restored float32 values are from the source.
struct TensorStatistics {
    double sqnr_db = 0;         ///< 10 log10(sum x^2 / sum (x - x')^2); +inf when nothing was lost
    double rmse = 0;            ///< sqrt(mean (x - x')^2)
    double max_abs_error = 0;   ///< max |x - x'|
    double bound = 0;           ///< an upper limit of |x - x'| (docs/quantization.md)
    std::uint64_t clipped = 0;  ///< elements whose code was limited to the range of codes

    friend bool operator==(const TensorStatistics&, const TensorStatistics&) = default;
};

/// An XXH3-128 checksum in its canonical (big-endian) form.
struct Checksum {
    std::array<unsigned char, 16> bytes{};

    friend bool operator==(const Checksum&, const Checksum&) = default;
};

/// The checksum as 32 hexadecimal digits, as xxhsum -H2 prints them.
std::string checksum_text(const Checksum& checksum);

/// The checksum that `text` spells, or nothing for any other text.
std::optional<Checksum> parse_checksum(std::string_view text);

/// An optional text that is almost always empty, at the cost of a pointer: a report may have a
/// million tensors.
class RareText {
  public:
    RareText() = default;
    RareText(std::string_view text) {
        *this = text;
    }  // NOLINT(google-explicit-constructor): a text
    RareText(const RareText& other) : RareText(other.view()) {}
    RareText(RareText&&) noexcept = default;
    RareText& operator=(const RareText& other) { return *this = other.view(); }
    RareText& operator=(RareText&&) noexcept = default;
    RareText& operator=(std::string_view text) {
        text_ = text.empty() ? nullptr : std::make_unique<const std::string>(text);
        return *this;
    }
    ~RareText() = default;

    bool empty() const noexcept { return text_ == nullptr; }
    std::string_view view() const noexcept {
        return text_ ? std::string_view(*text_) : std::string_view();
    }
    operator std::string_view() const noexcept {
        return view();
    }  // NOLINT(google-explicit-constructor): a text

  private:
    std::unique_ptr<const std::string> text_;
};

/// One tensor of a checkpoint or set.
struct TensorReport {
    std::string name;
    Dtype dtype = Dtype::kF32;  ///< of the source
    Shape shape;                ///< of the source
    Kind kind = Kind::kOther;
    Role role = Role::kNone;
    OutputAxis output_axis = OutputAxis::k0;  ///< of a matrix: which axis counts the outputs
    bool batch =
        false;  ///< fused experts: the first dimension counts matrices, and `output_axis` is theirs
    std::optional<Scheme> scheme;  ///< empty: the tensor is kept
    std::string reason;  ///< why it is kept; empty for a quantized tensor or a plain checkpoint
    std::uint64_t source_bytes = 0;   ///< bytes of the tensor in the source
    std::uint64_t output_bytes = 0;   ///< bytes of its codes and state, or of the copy
    std::optional<float> scale;       ///< per-tensor state
    std::optional<float> zero_point;  ///< the value of code 0
    std::optional<TensorStatistics> statistics;
    std::optional<Checksum>
        source_checksum;  ///< of the source's bytes, by pieces of 4 MiB (docs/format.md)
    std::optional<Checksum> stored_checksum;  ///< the same of the bytes in the set
    std::optional<double>
        narrowed_max_abs_error;  ///< dequantize to F16 or BF16: an upper limit of the error
    /// The name of the tensor to which this one is tied. Both are stored once, under that name, and
    /// share everything but their sizes. Empty: not tied.
    RareText same_as = {};
    /// Of a format other than octet's own set: its name for how the tensor is stored ("q4_k"), in
    /// lower case, and for the tensor itself; `scheme` is empty then.
    RareText type = {};
    RareText stored_name = {};
};

/// A name and a size: one file of a checkpoint or set.
struct FileReport {
    std::string name;  ///< base name; of a companion in a subfolder "1_Pooling/config.json"
    std::uint64_t byte_count = 0;
    std::optional<Checksum>
        checksum{};        ///< data file of a set: by pieces of 4 MiB; companion: as a whole
    std::string sha256{};  ///< 64 hexadecimal digits, or empty

    friend bool operator==(const FileReport&, const FileReport&) = default;
};

/// A file, or a folder with a slash at its end, that did not go along, and why.
struct LeftOut {
    std::string name;
    std::string why;

    friend bool operator==(const LeftOut&, const LeftOut&) = default;
};

/// Tensors, elements and bytes of one dtype or kind.
struct Share {
    std::uint64_t tensors = 0;
    std::uint64_t parameters = 0;  ///< elements
    std::uint64_t byte_count = 0;  ///< as stored in what was inspected
};

/// Sums over a checkpoint or set.
struct Totals {
    std::uint64_t tensors = 0;
    std::uint64_t quantized = 0;
    std::uint64_t kept = 0;
    std::uint64_t parameters = 0;    ///< elements of all tensors
    std::uint64_t source_bytes = 0;  ///< whole safetensors files, headers included
    std::uint64_t output_bytes = 0;  ///< the same for the files that were written
    std::uint64_t state_bytes =
        0;  ///< scales and zero points, 4 bytes each where the sidecar holds them
    std::optional<double>
        bits_per_weight;            ///< (codes + state) of the quantized tensors / their elements
    std::optional<double> sqnr_db;  ///< over the quantized tensors but buffers
    std::optional<double>
        sqnr_db_with_buffers;             ///< over buffers, too; empty where none is quantized
    std::optional<double> max_abs_error;  ///< over the quantized tensors
    std::uint64_t framework_bytes = 0;    ///< memory as a framework counts it (docs/seeds.md)
    std::optional<std::uint64_t> source_framework_bytes;  ///< the same for the source of a set
    std::optional<double> narrowed_max_abs_error;         ///< dequantize: over the narrowed tensors
};

/// The result of a gate.
struct Check {
    std::string name;  ///< the option without its dashes, such as "min-sqnr-tensor"
    double limit = 0;  ///< as given
    double value =
        0;  ///< the figure that was judged; for a gate on every tensor, that of the worst one
    bool passed = true;  ///< a figure that is NaN does not pass
    std::string detail;  ///< one line: which tensor or figure, and by how much it missed
};

/// True if every gate passed.
inline bool all_passed(const std::vector<Check>& checks) {
    return std::all_of(checks.begin(), checks.end(),
                       [](const Check& check) { return check.passed; });
}

/// What quantize(), dequantize() and inspect() return.
struct Report {
    std::string input;    ///< the path as it was given
    std::string output;   ///< the path as it was given; empty for inspect
    bool is_set = false;  ///< inspect: a quantized set rather than a plain checkpoint
    std::string format =
        {};  ///< "gguf" of such a file; of inspect else "safetensors" or "octet" (a set)
    Totals totals;
    std::vector<TensorReport> tensors;  ///< in file order
    std::vector<FileReport> input_files;
    std::vector<FileReport> output_files;  ///< everything written: data, sidecar, index, companions
    std::vector<std::pair<std::string, std::string>>
        metadata;                         ///< inspect: `__metadata__` of the files together
    std::vector<std::string> companions;  ///< quantize, dequantize: names of those that were copied
    std::vector<LeftOut> left_out;        ///< files that were not copied
    std::vector<Check> checks;            ///< one for each requested gate, in the order of Gates
    bool written = true;  ///< quantize: false when a gate failed and nothing was written
    std::vector<std::string>
        notes;           ///< things the user should know, such as leftovers that were removed
    std::string hint;    ///< quantize: what the user may want to do next; mostly empty
    double seconds = 0;  ///< wall time of the operation
};

}  // namespace octet
