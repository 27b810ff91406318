// From tensors that are decided and files that are laid out to a whole set: the data, then companions, index and sidecar, and the report of it all.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "formats/octet_set/sidecar.hpp"
#include "io/output.hpp"
#include "octet/options.hpp"
#include "octet/report.hpp"
#include "pipeline/file_hasher.hpp"
#include "plan/importance.hpp"
#include "plan/output_plan.hpp"

namespace octet::commands {

/// A set while it is written. What it refers to outlives it.
struct SetData {
    const checkpoint::Checkpoint& checkpoint;
    const plan::OutputPlan& plan;
    const std::vector<io::File>& files;  ///< the data files, created, headers written
    std::vector<TensorReport> tensors;   ///< as decided; quantize_tensors() adds what the work finds out
    double sum_of_squares = 0;           ///< of the quantized values, six digits
    std::vector<pipeline::FileHasher> hashers = {};
};

/// Every file that the set will have.
std::vector<std::string> names_of_set(const checkpoint::Checkpoint& checkpoint, const plan::OutputPlan& plan);

/// Copies or quantizes every tensor into its place; `importance` may be null. kBadInput, kIo, kInterrupted.
void quantize_tensors(SetData& data, const plan::Importance* importance, const WriteOptions& options);

/// Writes all that is not data. The report lacks paths, checks and time.
Report finish_set(SetData data, const octet_set::CodeOptions& code_options, io::Output& output,
                  const WriteOptions& options);

}  // namespace octet::commands
