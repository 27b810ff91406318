// The states of blocks that are too large to be searched in one tile: whole tensors, and channels of long rows, whose range is searched or a
// percentile. They are found before any code is made, in passes over the source that need a fixed memory: a pass for the range, one or two
// that count values, and one that holds what the counts propose against the plain range. Counts and sums do not depend on the workers.
#pragma once

#include <span>

#include "octet/options.hpp"
#include "run/engine.hpp"

namespace octet::run {

/// Fills in BlockJob::states of the jobs that ask for it (quant::searches_ahead); with zeros where a value is not finite, which the run itself
/// then reports. kIo, kInterrupted. Returns the progress of what comes after, for the same total: these passes take their share of it.
Progress find_wide_states(std::span<TensorJob> jobs, const WriteOptions& options);

}  // namespace octet::run
