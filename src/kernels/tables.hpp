// The tables that the instruction-set files export: the only symbols that leave them.
#pragma once

#include "kernels/kernels.hpp"

namespace octet::kernels {

extern const Kernels kScalarKernels;
extern const Kernels kSse2Kernels;
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
extern const Kernels kNeon64Kernels;

}  // namespace octet::kernels
