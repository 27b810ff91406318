// One weight as it lies in a mapped file: floats of any width, or codes with what restores them. The one seam between forward passes
// and storage: a matrix is looked at, never copied as a whole. Values; the mapping belongs to Weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "octet/dtype.hpp"

namespace octet::model {

/// How codes become values: code * scale + zero_point.
struct CodeState {
    float scale = 0;
    float zero_point = 0;
};

struct WeightMatrix {
    std::string name;
    const std::byte* data = nullptr;  ///< mapped, at any alignment
    std::uint64_t rows = 0;           ///< as stored; 1 for a vector
    std::uint64_t columns = 0;
    std::uint64_t row_bytes = 0;
    bool is_codes = false;
    Dtype dtype = Dtype::kF32;  ///< F32, F16, BF16 or F64; of codes: of the source
    CodeState state;            ///< of codes

    const std::byte* row(std::uint64_t index) const { return data + index * row_bytes; }
};

/// Writes `count` values of a row from `first_column` on: exactly what dequantize restores in float32. Reads mapped memory;
/// does not throw and owns nothing.
void restore(const WeightMatrix& matrix, std::uint64_t row, std::uint64_t first_column, std::size_t count, float* out);

}  // namespace octet::model
