// What bitsandbytes says of a weight of 4 bits in the tensor
// `M.weight.quant_state.bitsandbytes__nf4`: JSON text as U8.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "formats/came_quantized/stored.hpp"

namespace octet::came_quantized {

struct QuantState {
    std::string type;  ///< "nf4" or "fp4"
    std::uint64_t block = 0;
    std::uint64_t nested_block = 0;  ///< 0: scales are floats
    float nested_offset = 0;
    Dtype dtype = Dtype::kF32;  ///< that the weight had
    Shape shape;
};

/// kBadInput by name where that tensor is no such text, or says what no weight has. kIo.
QuantState read_quant_state(const Stored& stored, std::uint32_t tensor);

}  // namespace octet::came_quantized
