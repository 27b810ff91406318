// From a checkpoint's tensors to what codecs take.
#pragma once

#include "checkpoint/checkpoint.hpp"
#include "codecs/block_task.hpp"
#include "plan/importance.hpp"

namespace octet::survey {

/// Where a tensor's bytes lie.
pipeline::Stretch source_of(const checkpoint::Checkpoint& checkpoint, std::size_t tensor);

/// How a tensor of the checkpoint is to be quantized; `importance` may be null. All that is given
/// outlives the job.
codecs::QuantizeJob quantize_job(const checkpoint::Checkpoint& checkpoint, std::size_t tensor,
                                 const Scheme& scheme, const plan::Importance* importance);

}  // namespace octet::survey
