// The promise of a set, checked against its source element by element: codes, state, bounds, copies.
#pragma once

#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "octet/options.hpp"
#include "octet/verify.hpp"
#include "run/importance.hpp"
#include "state/quantized_set.hpp"

namespace octet::run {

/// Progress goes twice over the bytes of the source: its values, its checksums.
/// What does not hold, at most one finding a tensor and kind of check, in file order. `importance`: what quantize had, or
/// null. kIo, kInterrupted.
std::vector<Finding> check_promise(const state::QuantizedSet& set, const checkpoint::Checkpoint& source,
                                   const Importance* importance, const WriteOptions& options);

}  // namespace octet::run
