// What a GGUF file will hold, from a checkpoint's headers, its config.json and the options: tensors
// with their types, and keys. Pure but for the small files beside the weights.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "formats/gguf/file_layout.hpp"
#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet::writers {

struct GgufContents {
    gguf::Arrangement arrangement;  ///< its tensors are moved to `tensors`
    std::vector<gguf::TypedFileTensor> tensors;
    std::vector<std::optional<std::size_t>> rules;  ///< parallel to them: which one decided
    gguf::Keys keys;
    std::vector<std::string> notes;
};

/// Options that have no meaning for GGUF, or a type that there is not: kUsage.
void check_gguf_options(const QuantizeOptions& options);

/// `not_finite`, empty or one a tensor of the checkpoint: those that are copied. kUsage (a rule
/// that decides nothing), kBadInput.
GgufContents gguf_contents(const checkpoint::Checkpoint& checkpoint, const QuantizeOptions& options,
                           const std::vector<bool>& not_finite);

/// One a tensor of the file: names and sizes; the figures come later.
std::vector<TensorReport> gguf_reports(const checkpoint::Checkpoint& checkpoint,
                                       const GgufContents& contents);

}  // namespace octet::writers
