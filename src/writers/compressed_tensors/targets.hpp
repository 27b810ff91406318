// Which tensors compressed-tensors is for: the weights of Linear modules, which engines replace,
// and nothing else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "octet/report.hpp"

namespace octet::writers {

/// Why the tensor is no weight of a Linear module that may be quantized ("an embedding ..."); empty
/// where it is one. Kinds, roles and axes are filled in.
std::string reason_to_ignore(const TensorReport& tensor);

/// "model.layers.0.mlp.up_proj" of "model.layers.0.mlp.up_proj.weight".
std::string_view module_of(std::string_view tensor);

/// Modules to leave alone: lm_head, and those of matrices that are kept.
std::vector<std::string> ignored_modules(const std::vector<TensorReport>& tensors);

/// The two first tensors in one of vLLM's fused layers (q, k, v; gate, up) that are not quantized
/// alike, as a text for a message; empty where all are.
std::string fused_difference(const std::vector<TensorReport>& tensors);

}  // namespace octet::writers
