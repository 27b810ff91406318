// What schemes would do to tensors: measured by quantizing them without writing anything. Memory is
// that of quantize.
#pragma once

#include <cstdint>
#include <functional>

#include "checkpoint/checkpoint.hpp"
#include "octet/options.hpp"
#include "octet/report.hpp"
#include "plan/importance.hpp"
#include "plan/measurements.hpp"
#include "quant/wide_sum.hpp"

namespace octet::survey {

/// Told what a scheme does to a tensor, and the sum of the tensor's squares.
using OnMeasured = std::function<void(std::size_t tensor, const TensorStatistics& statistics,
                                      const quant::WideSum& signal)>;

/// For each tensor one measurement for each of its `schemes`, whose axes are resolved, told in that
/// order. All schemes of a tensor are tried one after the other, so that its bytes come from the
/// disk once. Of a scheme that cannot hold a tensor's values the errors are plan::kCannotHold;
/// where none of its schemes can: kBadInput. `importance` may be null. kIo; kInterrupted.
void measure(const checkpoint::Checkpoint& checkpoint, const plan::SchemeLists& schemes,
             const plan::Importance* importance, const WriteOptions& options,
             const OnMeasured& on_measured);

}  // namespace octet::survey
