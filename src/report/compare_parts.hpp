// What the reports of one comparison and of several share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "octet/compare.hpp"

namespace octet::report {

/// "a checkpoint", "a quantized set", "a GGUF file"; `format` is CompareReport's.
std::string_view what_it_is(bool is_set, const std::string& format);

/// Tensors with figures, worst SQNR first; those that do not differ only with `all`.
std::vector<const TensorComparison*> worst_first(const CompareReport& report, bool all);

}  // namespace octet::report
