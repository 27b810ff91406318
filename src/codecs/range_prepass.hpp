// The states of blocks that are too large to be searched in one tile: whole tensors, and channels
// of long rows, whose range is searched or a percentile. They are found before any code is made, in
// passes over the source that need a fixed memory: a pass for the range, one or two that count
// values, and one that holds what the counts propose against the plain range. Counts and sums do
// not depend on the workers.
#pragma once

#include <vector>

#include "codecs/block_task.hpp"
#include "octet/options.hpp"

namespace octet::codecs {

/// Gives each of `tasks`, which all ask for it (BlockTask::searches_ahead), the states of its
/// blocks. kIo, kInterrupted. Returns the progress of what comes after, for the same `total_bytes`:
/// these passes take their share of it.
Progress find_states(const std::vector<BlockTask*>& tasks, std::uint64_t total_bytes,
                     const WriteOptions& options);

}  // namespace octet::codecs
