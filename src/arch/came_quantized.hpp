// Weights that came quantized. A module that holds codes (a tensor of integers or F8 called
// `weight`, `qweight`, `weight_packed`, `W_q`, `codes` or `_data`) makes every other tensor of it
// but `bias` the state of those codes: scales, zero points, indices of groups, tables. Codes that
// are one of several in their module (`gate_up_proj_blocks`, `gate_up_proj_packed`, `gate_up_proj`)
// own what begins with their name. Losing a bit of that state loses the weight, so it stays as it
// is. Pure functions of names and dtypes.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "octet/report.hpp"

namespace octet::arch {

/// Of a tensor that is nobody's state.
inline constexpr std::uint32_t kNobody = std::numeric_limits<std::uint32_t>::max();

/// For each tensor the number of the codes whose state it is, or kNobody. Empty where nothing came
/// quantized.
std::vector<std::uint32_t> quantized_weights(const std::vector<TensorReport>& tensors);

/// What is said of a checkpoint in which something came quantized: "came quantized (gptq): 2
/// weights, and 6 tensors of their state, are copied as they are". `declared` is what the model's
/// config names, and may be empty: then the names tell. Empty where nothing did.
std::string came_quantized_note(const std::vector<TensorReport>& tensors,
                                std::string_view declared);

}  // namespace octet::arch
