// Fused experts: the matrices of all experts of a layer in one tensor of three dimensions,
// [experts, outputs, inputs] or [experts, inputs, outputs]. Both orders carry the same names; who
// reads the hidden size tells: `gate_up` reads it, `down` writes it. A square one is stored as its
// sibling, and a bias is as long as the outputs. Where nothing tells, outputs stand first, as in
// Linear weights. Pure.
#pragma once

#include <vector>

#include "octet/report.hpp"

namespace octet::arch {

/// Fills in `batch` and `output_axis` of fused experts. Kinds are filled in.
void find_batches(std::vector<TensorReport>& tensors);

}  // namespace octet::arch
