// A whole set restored: each of its tensors becomes a task that restores codes, converts what is
// stored as it is, or copies it, from the set's data files to where the plan has it. What narrowing
// to a 16-bit dtype lost is measured on the way.
#pragma once

#include <optional>
#include <vector>

#include "codecs/run.hpp"
#include "formats/octet_set/quantized_set.hpp"
#include "formats/restored_layout.hpp"

namespace octet::codecs {

/// The tasks, in the order of the set; `dtype` is that of all floats, or nothing for the source's.
/// All that is given outlives their run.
TaskList restore_tasks(const octet_set::QuantizedSet& set, const formats::OutputPlan& plan,
                       const std::vector<io::File>& files, std::optional<Dtype> dtype,
                       const TakeResult& take);

/// Gives the tensors their restored dtype, and those of a 16-bit one the error that their values
/// can have: the stored one, and what narrowing added. `narrowings` are parallel to `tensors`.
void note_narrowing(const std::vector<kernels::Narrowing>& narrowings, std::optional<Dtype> dtype,
                    std::vector<TensorReport>& tensors, Totals& totals);

}  // namespace octet::codecs
