// Which loops run: the best this processor has, or the one that OCTET_ISA names.
#pragma once

#include <vector>

#include "kernels/kernels.hpp"

namespace octet::quant {

/// Built in and supported here, slowest first; always holds scalar.
std::vector<kernels::Isa> available_isas();

/// The loops in use. OCTET_ISA=scalar|sse2|avx2|... forces one; unknown or unsupported here:
/// kUsage. Read once a process.
const kernels::Kernels& active_kernels();

/// Throws kUsage like active_kernels(), but always looks at `name` (null: the best).
const kernels::Kernels& kernels_named(const char* name);

}  // namespace octet::quant
