// What will happen to each tensor, and why. Pure: follows from headers and options alone. Where
// every byte goes is formats/layout.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "formats/octet_set/sidecar.hpp"
#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet::plan {

/// The scheme that preset and explicit options ask for together; nothing when there are no explicit
/// ones. kUsage when it is impossible, or this octet has no codec for it.
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
    std::vector<TensorReport>
        tensors;  ///< in file order, with kind, scheme or reason, and sizes filled in
    std::vector<Decider> deciders;  ///< parallel to them
    std::vector<std::optional<std::size_t>>
        rules;  ///< parallel to them: the first rule that matches, whoever decided
};

/// True if the planner is to decide what no rule does.
bool asks_planner(const octet_set::CodeOptions& options) noexcept;

/// Decides for every tensor of `checkpoint`. `keep` (empty, or one flag a tensor) marks those whose
/// values cannot be quantized; `chosen` (one a tensor, nothing: it is kept) is the planner's
/// choice, and while it is empty tensors that the planner decides have the last of their candidate
/// schemes. A rule that decides nothing, or a scheme that this octet has no codec for: kUsage.
Decisions decide(const checkpoint::Checkpoint& checkpoint, const octet_set::CodeOptions& options,
                 const std::vector<bool>& keep,
                 const std::vector<std::optional<Scheme>>& chosen = {});

}  // namespace octet::plan
