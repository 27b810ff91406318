// The tables that the instruction-set files of this folder export: the only symbols that leave
// them.
#pragma once

#include "kernels/ggml/blocks.hpp"

namespace octet::kernels::ggml {

extern const Loops kScalarLoops;
extern const Loops kSse2Loops;
extern const Loops kAvx2Loops;
extern const Loops kAvx512Loops;
extern const Loops kNeon64Loops;

}  // namespace octet::kernels::ggml
