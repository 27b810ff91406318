// Tensors as torch prints them, to the letter: print(t) of torch 2, with its rules for the number
// of digits, the width of columns, the scientific mode and what is left out.
#pragma once

#include <string>

#include "octet/show.hpp"

namespace octet::report {

/// torch's default for the digits behind the point.
inline constexpr unsigned kTorchPrecision = 4;

/// "tensor([[-0.4738, -0.2614, ...], ...])" with the dtype where torch names it; without a line
/// break at the end.
std::string torch_text(const ShownTensor& tensor, unsigned precision = kTorchPrecision);

/// "0.0221" as torch prints one number by itself.
std::string torch_number(double value, unsigned precision = kTorchPrecision);

}  // namespace octet::report
