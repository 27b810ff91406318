// Which axis of a matrix counts the outputs, from evidence. A bias has as many elements as its
// layer has outputs, so one matrix that is not square tells for its whole stack of layers (all
// `h.N.mlp.c_fc`), and a stack whose matrices are square or have no bias is stored as the others of
// the same layer. GPT-2's Conv1D weights are [in, out] so, and what StarCoder calls alike is [out,
// in]. Transposed convolutions are [in, out, ...]. Without any bias a fused query, key and value
// (`c_attn`) tells, which reads the embedding's width. Pure.
#pragma once

#include <vector>

#include "octet/report.hpp"

namespace octet::arch {

/// Fills in `output_axis` of all whose kinds are known. `gpt2`: the names are GPT-2's, whose layers
/// and positions are stored [in, out] where no evidence says otherwise.
void assign_axes(std::vector<TensorReport>& tensors, bool gpt2);

}  // namespace octet::arch
