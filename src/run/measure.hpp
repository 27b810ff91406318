// What schemes would do to tensors: measured by quantizing them without writing anything. Memory is that of quantize.
#pragma once

#include <cstdint>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "octet/options.hpp"
#include "octet/report.hpp"
#include "plan/planner.hpp"
#include "run/importance.hpp"

namespace octet::run {

/// What is to be measured of each tensor. Many have the same list, which stands there once.
struct SchemeLists {
    std::vector<std::vector<Scheme>> lists;  ///< the first is empty
    std::vector<std::uint32_t> of;           ///< of each tensor: its list

    const std::vector<Scheme>& operator[](std::size_t tensor) const { return lists[of[tensor]]; }
};

/// For each tensor one measurement for each of its `schemes`, whose axes are resolved. All schemes of a tensor are tried one after the other,
/// so that its bytes come from the disk once. `importance` may be null. kBadInput where a value or a range is not finite; kIo; as run_jobs().
std::vector<std::vector<plan::MeasuredScheme>> measure(const checkpoint::Checkpoint& checkpoint,
                                                       const std::vector<TensorReport>& tensors,
                                                       const SchemeLists& schemes, const Importance* importance,
                                                       const WriteOptions& options);

}  // namespace octet::run
