// A set held against its source, tensor by tensor: codes, state, bounds, copies, and the checksums of what it was made from.
#pragma once

#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "formats/octet_set/quantized_set.hpp"
#include "octet/options.hpp"
#include "octet/verify.hpp"
#include "plan/importance.hpp"

namespace octet::commands {

/// What does not hold, at most one finding a tensor and kind of check, in file order. `importance`: what quantize had, or null. Progress goes
/// over the bytes of the source. kIo, kInterrupted.
std::vector<Finding> verify_against_source(const octet_set::QuantizedSet& set, const checkpoint::Checkpoint& source,
                                           const plan::Importance* importance, const WriteOptions& options);

}  // namespace octet::commands
