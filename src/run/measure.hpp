// What schemes would do to tensors: measured by quantizing them without writing anything. Memory is that of quantize.
#pragma once

#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "octet/options.hpp"
#include "octet/report.hpp"
#include "plan/planner.hpp"
#include "run/importance.hpp"

namespace octet::run {

/// For each tensor one measurement for each of its `schemes`, whose axes are resolved. All schemes of a tensor are tried one after the other,
/// so that its bytes come from the disk once. `importance` may be null. kBadInput where a value or a range is not finite; kIo; as run_jobs().
std::vector<std::vector<plan::MeasuredScheme>> measure(const checkpoint::Checkpoint& checkpoint,
                                                       const std::vector<TensorReport>& tensors,
                                                       const std::vector<std::vector<Scheme>>& schemes,
                                                       const Importance* importance, const WriteOptions& options);

}  // namespace octet::run
