// Fused experts: the matrices of all experts of a layer in one tensor of three dimensions, [experts, outputs, inputs] or [experts, inputs,
// outputs]. Both orders carry the same names; who reads the hidden size tells: `gate_up` reads it, `down` writes it. A square one is stored as
// its sibling, and a bias is as long as the outputs. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "octet/report.hpp"

namespace octet::arch {

/// For each tensor, if it is fused experts of the order [experts, outputs, inputs], the inputs of one output, else 0. Kinds are filled in.
/// Empty where there are no such tensors.
std::vector<std::uint64_t> inputs_of_fused_experts(const std::vector<TensorReport>& tensors);

}  // namespace octet::arch
