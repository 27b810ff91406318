// What a model is evaluated on, read from a file piece by piece: windows of a text for GPT-2, pairs
// of prompt and answer for T5.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "model/loaded.hpp"
#include "octet/model.hpp"

namespace octet::model {

/// One forward pass: `labels[i]` is the right token after `inputs[0 .. i]`.
struct Example {
    Ids source;  ///< T5: what the encoder reads
    Ids inputs;
    Ids labels;
};

class Examples {
  public:
    virtual ~Examples() = default;

    /// The next one, or nothing. Not UTF-8, a line without tab, ids that are none: kBadInput naming
    /// file and line.
    virtual std::optional<Example> next() = 0;

    virtual std::uint64_t read_bytes() const = 0;
    virtual std::uint64_t total_bytes() const = 0;
};

/// The examples that the options ask for. None or several kinds, or one that the model is not for:
/// kUsage.
std::unique_ptr<Examples> open_examples(const EvaluateOptions& options, Loaded& loaded);

}  // namespace octet::model
