// What quantize and plan do alike before anything is written: options that decide codes, tensors
// that cannot be quantized, companions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "formats/octet_set/sidecar.hpp"
#include "octet/options.hpp"
#include "octet/report.hpp"
#include "plan/importance.hpp"

namespace octet::survey {

/// What decides the codes, and the file of weights that goes with it, if any.
struct CodeInputs {
    octet_set::CodeOptions options;
    std::unique_ptr<plan::Importance> importance;
};

/// kUsage for an impossible scheme; kBadInput, kIo of the importance file.
CodeInputs code_inputs(const QuantizeOptions& options);

/// One more read of the data: which tensors, among those with a scheme, hold values that cannot be
/// quantized. `threads` and `stop_requested` of `options` apply, and `progress`.
std::vector<bool> find_not_finite(const checkpoint::Checkpoint& checkpoint,
                                  const std::vector<TensorReport>& tensors,
                                  const plan::Importance* importance, const WriteOptions& options);

/// The same read where such tensors are refused: throws the error that quantize would, for the same
/// tensor. Ties are marked.
void refuse_not_finite(const checkpoint::Checkpoint& checkpoint,
                       const std::vector<TensorReport>& tensors, const plan::Importance* importance,
                       const WriteOptions& options);

}  // namespace octet::survey
