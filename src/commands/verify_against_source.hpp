// A set held against its source, tensor by tensor: codes, state, bounds, copies, and the checksums
// of what it was made from.
#pragma once

#include <vector>

#include "formats/octet_set/quantized_set.hpp"
#include "octet/options.hpp"
#include "octet/verify.hpp"

namespace octet::commands {

/// What does not hold, at most one finding a tensor and kind of check, in file order. `options`
/// name the source, and the file of weights that quantize had, if any; `reading` has threads and
/// progress, which goes over the bytes of the source. kUsage, kIo, kInterrupted.
std::vector<Finding> verify_against_source(const octet_set::QuantizedSet& set,
                                           const VerifyOptions& options,
                                           const WriteOptions& reading);

}  // namespace octet::commands
