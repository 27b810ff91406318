// Options of the operations. Plain structs with the defaults of the command line, which own nothing
// but values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "octet/dtype.hpp"
#include "octet/rules.hpp"
#include "octet/scheme.hpp"

namespace octet {

/// Called as work proceeds, from any worker but never from two at once, with the bytes read so far
/// and the bytes to read. Must not throw.
using Progress = std::function<void(std::uint64_t done_bytes, std::uint64_t total_bytes)>;

/// Which tensors are quantized and how, where no rule or scheme option says otherwise.
enum class Preset : std::uint8_t {
    kAll,     ///< every float tensor, one scale per tensor, to the nearest code
    kLesson,  ///< parameters only, one scale per tensor, truncated; buffers such as causal masks
              ///< are copied
    kLinear,  ///< weights of Linear layers (GPT-2: Conv1D), symmetric, one scale per output; all
              ///< else is copied
    kQ8,  ///< weights, embeddings and heads with the best SQNR at 8.5 bits per weight or less; all
          ///< else is copied
    kQ6,  ///< the same at 6.5625 bits
    kQ4,  ///< the same at 4.5 bits
};

/// What to do with a tensor that holds NaN or infinity, or whose range overflows float32.
enum class OnNonFinite : std::uint8_t {
    kError,  ///< refuse the checkpoint and name tensor and index
    kKeep,   ///< copy that tensor
};

/// Which files of a model's folder go along into a set.
enum class CompanionChoice : std::uint8_t {
    kAll,    ///< every small file that is not weights, of subfolders, too (docs/format.md,
             ///< "Companions")
    kKnown,  ///< config.json, tokenizer files, licence and such, of the folder itself
    kNone,
};

/// Options of every operation that writes.
struct WriteOptions {
    unsigned threads = 0;  ///< workers, 1 .. 1024; 0: as many as the machine has cores
    bool force = false;    ///< replace an existing set (or files of the same names)
    bool sync = true;      ///< flush everything to the disk before it becomes visible
    bool sha256 =
        false;  ///< also SHA-256 of every file; needs OpenSSL's libcrypto at run time (else kUsage)
    bool follow_links = false;  ///< follow links that leave the input's folder, too
    Progress progress;          ///< may be empty
    /// Called between tiles, from any worker. True ends the run with kInterrupted and leaves
    /// everything as before. May be empty.
    std::function<bool()> stop_requested;
    /// Called on the calling thread with a line that the user should know even if the run fails
    /// later, such as leftovers of a killed run that were removed. Report::notes has the same
    /// lines. Must not throw. May be empty.
    std::function<void(const std::string& line)> note;
};

/// Options of every operation that reads tensor data and writes nothing. The members have the
/// meaning that they have in WriteOptions.
struct ReadOptions {
    unsigned threads = 0;
    Progress progress;
    std::function<bool()> stop_requested;
    bool follow_links = false;
};

/// Limits that a result has to keep, in the units of its report. An empty limit does not apply. A
/// limit that is not finite, or a negative limit on an error, is kUsage. Figures are judged as they
/// are printed, in six significant digits.
struct Gates {
    std::optional<double> min_sqnr_tensor = {};         ///< dB, of every tensor that has figures
    std::optional<double> min_sqnr = {};                ///< dB, Totals::sqnr_db
    std::optional<double> max_abs_error = {};           ///< of every tensor that has figures
    std::optional<std::uint64_t> max_output_size = {};  ///< Totals::output_bytes
};

/// Requested parts of a scheme, with the names of Scheme. An empty part is the preset's.
struct SchemeOptions {
    std::optional<std::uint32_t> bits = {};
    std::optional<Granularity> granularity = {};
    std::optional<std::uint32_t> group_size = {};  ///< implies groups
    std::optional<OutputAxis> axis = {};
    std::optional<bool> symmetric = {};
    std::optional<ZeroPoint> zero_point = {};
    std::optional<Rounding> rounding = {};
    std::optional<RangeSearch> range = {};
    std::uint32_t percentile_ppm = 0;  ///< where `range` is kPercentile
    std::optional<ScaleDtype> scale_dtype = {};

    friend bool operator==(const SchemeOptions&, const SchemeOptions&) = default;
};

/// Options of quantize().
struct QuantizeOptions {
    Preset preset = Preset::kAll;
    /// The scheme of tensors of two or more dimensions. Other tensors have one scale per tensor and
    /// 8 bits, with float32 state from their smallest and largest value. An impossible combination,
    /// or any with kQ8, kQ6 or kQ4, is kUsage.
    SchemeOptions scheme;
    /// The first rule that matches a tensor decides, before preset and scheme. A rule that decides
    /// no tensor is kUsage.
    std::vector<TensorRule> rules = {};
    /// A safetensors file of F32 vectors: for the tensor of the same name, one weight of the
    /// squared error for each input. Schemes with a search minimize the weighted sum.
    std::optional<std::filesystem::path> importance = {};
    /// At most one of these two is given. The planner then chooses for each tensor that no rule
    /// decides, instead of preset and scheme: a scheme, or a copy. `max_size` asks for the least
    /// total squared error in data files of that many bytes, `target_sqnr_db` for the fewest bytes
    /// with that SQNR in dB over the quantized values but buffers. Reads the data once more. Where
    /// there is no such choice: kCheckFailed, naming what can be reached.
    std::optional<std::uint64_t> max_size = {};
    std::optional<double> target_sqnr_db = {};
    /// Of quantize_part(): the JSON of `octet plan -o FILE`, made with the same options, which says
    /// what values decide. With it the planner is allowed in parts.
    std::optional<std::filesystem::path> plan = {};
    OnNonFinite on_non_finite = OnNonFinite::kError;
    CompanionChoice companions = CompanionChoice::kAll;
    /// A type or mixture of GGUF ("q4_k_m", in any case): the output is a file for llama.cpp, its
    /// name ends in ".gguf", and presets and schemes have no say. Empty: a set of octet's own.
    std::string type = {};
    /// The name of the format of an output that is a folder. Empty: "octet", unless `type` is
    /// given.
    std::string format = {};
    std::string engine =
        {};  ///< of "compressed-tensors": "vllm" or "transformers" is to load it; empty: "vllm"
    std::string architecture =
        {};  ///< GGUF: "none" writes weights alone; empty: what config.json says
    std::string pre_tokenizer = {};  ///< GGUF: `tokenizer.ggml.pre`; empty: as tokenizer.json says
    bool no_fallback = false;        ///< GGUF: a tensor that cannot have its type fails like a gate
    /// GGUF: several files NAME-0000I-of-0000N.gguf, of at most that many bytes where one tensor
    /// fits.
    std::optional<std::uint64_t> split_size = {};
    /// Weights that are quantized already (a set, a GGUF file, a checkpoint that came quantized)
    /// are made plain first, in a hidden folder beside the output, and quantized again; errors add
    /// up.
    bool requantize = false;
    Gates gates;
    bool keep_on_failure = false;  ///< the output becomes visible even when a gate failed
    WriteOptions write;
};

/// Options of dequantize().
struct DequantizeOptions {
    std::optional<Dtype>
        dtype;  ///< F32, F16 or BF16 for every float tensor; empty: each tensor's source dtype
    WriteOptions write;
    /// Of a GGUF file, which has none: the folder of the model whose companions (config.json, the
    /// tokenizer) go along.
    std::filesystem::path like = {};
};

}  // namespace octet
