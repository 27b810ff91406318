// What will happen to each tensor, why, and where every output byte goes. Pure: follows from headers and options alone, so a dry
// run, progress totals, parallel writes and identical bytes come for free.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "formats/octet_set/quantized_set.hpp"
#include "formats/safetensors/header.hpp"
#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet::plan {

/// One data file to be written.
struct FilePlan {
    std::string name;              ///< base name
    std::uint64_t byte_count = 0;  ///< of the whole file
    /// Makes its first bytes: length, JSON, padding. What the plan was made of is still there. Empty of files_of_set().
    std::function<void(const safetensors::HeaderSink&)> write_header = {};
};

/// Where one tensor's output goes: its codes (or copy), then its state tensors.
struct Placement {
    std::uint32_t file = 0;
    std::uint64_t offset = 0;  ///< absolute, in the file
    std::uint64_t byte_count = 0;
};

struct OutputPlan {
    std::vector<FilePlan> files;
    std::vector<Placement> placements;  ///< parallel to the tensors
};

/// The scheme that preset and explicit options ask for together; nothing when there are no explicit ones. kUsage when it is impossible, or
/// this octet has no codec for it.
std::optional<Scheme> asked_scheme(Preset preset, const SchemeOptions& options);

/// What decided that a tensor is quantized, or kept.
enum class Decider : std::uint8_t {
    kDtype,      ///< kept: octet does not quantize that dtype
    kState,      ///< kept: the state of a weight that came quantized
    kRule,       ///< the rule in Decisions::rules
    kNotFinite,  ///< kept: its values cannot be quantized
    kPlanner,    ///< the planner, for a size or an SQNR
    kOptions,    ///< scheme options other than the preset
    kPreset,
};

struct Decisions {
    std::vector<TensorReport> tensors;              ///< in file order, with kind, scheme or reason, and sizes filled in
    std::vector<Decider> deciders;                  ///< parallel to them
    std::vector<std::optional<std::size_t>> rules;  ///< parallel to them: the first rule that matches, whoever decided
};

/// True if the planner is to decide what no rule does.
bool asks_planner(const octet_set::CodeOptions& options) noexcept;

/// Decides for every tensor of `checkpoint`. `keep` (empty, or one flag a tensor) marks those whose values cannot be quantized; `chosen` (one a
/// tensor, nothing: it is kept) is the planner's choice, and while it is empty tensors that the planner decides have the last of their candidate
/// schemes. A rule that decides nothing, or a scheme that this octet has no codec for: kUsage.
Decisions decide(const checkpoint::Checkpoint& checkpoint, const octet_set::CodeOptions& options,
                 const std::vector<bool>& keep, const std::vector<std::optional<Scheme>>& chosen = {});

/// Bytes of a set's data files without any tensor, at most: shards, metadata, padding.
std::uint64_t empty_set_bytes(const checkpoint::Checkpoint& checkpoint);

/// Lays out the data files of a set. kBadInput where a state tensor would have the name of another tensor.
OutputPlan plan_set(const checkpoint::Checkpoint& checkpoint, const std::vector<TensorReport>& tensors);

/// Names and sizes of the files that plan_set() lays out, and nothing else of them. Throws what that does.
std::vector<FilePlan> files_of_set(const checkpoint::Checkpoint& checkpoint, const std::vector<TensorReport>& tensors);

/// Bytes of those files together with other schemes, and other tied tensors, than the reports say; names are not checked.
std::uint64_t bytes_of_set(const checkpoint::Checkpoint& checkpoint, const std::vector<TensorReport>& tensors,
                           const std::function<std::optional<Scheme>(std::size_t)>& scheme,
                           const std::function<bool(std::size_t)>& is_tied);

/// The dtype of a restored tensor: the source's, or `dtype` for float tensors but the state of weights that came quantized.
Dtype restored_dtype(const TensorReport& tensor, std::optional<Dtype> dtype) noexcept;

/// Lays out one file with all these tensors in that order. kBadInput naming `input` where a size overflows.
OutputPlan plan_plain(const std::vector<TensorReport>& tensors, std::optional<Dtype> dtype,
                      const std::string& file_name, std::string_view input);

/// Lays out the restored files, roles filled in: the source's file names, or one file `single_name` with all tensors.
OutputPlan plan_restored(const octet_set::QuantizedSet& set, std::optional<Dtype> dtype,
                         const std::optional<std::string>& single_name);

}  // namespace octet::plan
