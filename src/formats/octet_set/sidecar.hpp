// The JSON state sidecar, `quantization_state.json`: everything needed to go back from codes to
// weights (docs/format.md). Its text depends on the checkpoint and the options that decide codes
// only. Values; no files are held.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet::octet_set {

/// The versions that exist. The second has schemes of batches and with row packing; a set without
/// any is of the first.
inline constexpr std::uint64_t kFirstSidecarVersion = 1;
inline constexpr std::uint64_t kLastSidecarVersion = 2;

/// True for schemes that version 1 does not know.
bool needs_version_2(const Scheme& scheme) noexcept;

/// The index of a sharded source.
struct SourceIndex {
    std::string name;
    std::string metadata;  ///< compact JSON text of an object, or empty
};

/// What decided the codes.
struct CodeOptions {
    Preset preset = Preset::kAll;
    std::optional<Scheme> scheme;  ///< what the preset and the explicit options gave together;
                                   ///< empty without any of those
    OnNonFinite on_non_finite = OnNonFinite::kError;
    std::vector<TensorRule> rules = {};          ///< in the order of their precedence
    std::optional<Checksum> importance = {};     ///< of the file with the weights of squared errors
    std::optional<std::uint64_t> max_size = {};  ///< of the data files: what the planner kept to
    std::optional<double> target_sqnr_db = {};   ///< what the planner reached
};

struct Sidecar {
    std::string generator;
    std::vector<FileReport> source_files;  ///< shard by shard
    std::optional<SourceIndex> source_index;
    std::uint64_t source_framework_bytes = 0;
    double source_sum_of_squares =
        0;  ///< over the quantized tensors, six digits: what the set's total SQNR needs
    std::vector<FileReport> files;  ///< data file i holds what source file i held
    std::vector<FileReport> companions;
    CodeOptions options;
    std::vector<TensorReport> tensors;  ///< in file order; `kind`, `source_bytes` and
                                        ///< `output_bytes` are not stored but derived
    std::vector<std::uint32_t> tied_positions =
        {};  ///< of each tensor with `same_as`, in their order: its rank in its source file's
             ///< header
};

/// Gives every tensor with `same_as` what it shares with the one of that name: scheme, reason,
/// state, statistics, checksums. False if there is no such tensor of the same dtype and shape, or
/// it is tied itself.
bool resolve_ties(std::vector<TensorReport>& tensors);

/// "all", "lesson", "linear", "q8", "q6", "q4".
std::string_view preset_name(Preset preset) noexcept;
std::optional<Preset> parse_preset(std::string_view name) noexcept;

/// Gives the sidecar's text to `take` in parts, so that it is never in memory whole; returns its
/// length.
std::uint64_t write_sidecar(const Sidecar& sidecar,
                            const std::function<void(std::string_view)>& take);

/// Keys of checksums: of a run of bytes as a whole, and by pieces of 4 MiB.
inline constexpr std::string_view kChecksumKey = "xxh3_128";
inline constexpr std::string_view kPieceChecksumKey = "xxh3_128_tiles";

/// The end of a sidecar whose text begins with `before`: its last member and the closing bracket.
std::string seal_of(std::string_view before);

/// True if the text ends with the seal of everything before it.
bool is_sealed(std::string_view text);

/// True if the text is its first `size` bytes, an object without its closing bracket, with their
/// seal.
bool is_sealed_at(std::string_view text, std::size_t size);

/// Reads a sidecar's text. Not JSON, another version, a missing or unknown or repeated key, a value
/// of the wrong type: kBadInput, naming `file_name` and the place.
Sidecar parse_sidecar(std::string_view text, std::string_view file_name);

/// The same of a text as octet writes it, with names of tensors in ASCII, in a fifth of the time.
/// Nothing where it has another form or anything is wrong with it: parse_sidecar() tries this
/// first.
std::optional<Sidecar> parse_plain_sidecar(std::string_view text);

}  // namespace octet::octet_set
