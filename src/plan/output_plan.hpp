// What will happen to each tensor, why, and where every output byte goes. Pure: follows from headers and options alone, so a dry
// run, progress totals, parallel writes and identical bytes come for free.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "octet/options.hpp"
#include "octet/report.hpp"
#include "safetensors/header.hpp"
#include "state/quantized_set.hpp"

namespace octet::plan {

/// One data file to be written.
struct FilePlan {
    std::string name;              ///< base name
    std::string header;            ///< its first bytes: length, JSON, padding
    std::uint64_t byte_count = 0;  ///< of the whole file
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
    kRule,       ///< the rule in Decisions::rules
    kNotFinite,  ///< kept: its values cannot be quantized
    kOptions,    ///< scheme options other than the preset
    kPreset,
};

struct Decisions {
    std::vector<TensorReport> tensors;              ///< in file order, with kind, scheme or reason, and sizes filled in
    std::vector<Decider> deciders;                  ///< parallel to them
    std::vector<std::optional<std::size_t>> rules;  ///< parallel to them: the first rule that matches, whoever decided
};

/// Decides for every tensor of `checkpoint`. `keep` (empty, or one flag a tensor) marks those whose values cannot be quantized. A rule that
/// decides nothing, or a scheme that this octet has no codec for: kUsage.
Decisions decide(const checkpoint::Checkpoint& checkpoint, const state::CodeOptions& options,
                 const std::vector<bool>& keep);

/// Lays out the data files of a set. kBadInput where a state tensor would have the name of another tensor.
OutputPlan plan_set(const checkpoint::Checkpoint& checkpoint, const std::vector<TensorReport>& tensors);

/// The dtype of a restored tensor: the source's, or `dtype` for float tensors.
Dtype restored_dtype(const TensorReport& tensor, std::optional<Dtype> dtype) noexcept;

/// Lays out the restored files: the source's file names, or one file `single_name` with all tensors.
OutputPlan plan_restored(const state::QuantizedSet& set, std::optional<Dtype> dtype,
                         const std::optional<std::string>& single_name);

}  // namespace octet::plan
