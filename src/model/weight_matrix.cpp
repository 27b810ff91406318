#include "model/weight_matrix.hpp"

#include <cstring>

#include "quant/active_kernels.hpp"

namespace octet::model {

void restore(const WeightMatrix& matrix, std::uint64_t row, std::uint64_t first_column, std::size_t count, float* out) {
    const kernels::Kernels& loops = quant::active_kernels();
    const std::byte* const start = matrix.row(row);
    if (matrix.is_codes) {
        loops.dequantize(reinterpret_cast<const std::uint8_t*>(start) + first_column, count, matrix.state.scale,
                         matrix.state.zero_point, out);
        return;
    }
    switch (matrix.dtype) {
        case Dtype::kF16:
            return loops.widen_f16(start + 2 * first_column, count, out);
        case Dtype::kBF16:
            return loops.widen_bf16(start + 2 * first_column, count, out);
        case Dtype::kF64:
            return loops.narrow_f64(start + 8 * first_column, count, out);
        default:
            std::memcpy(out, start + 4 * first_column, 4 * count);
    }
}

}  // namespace octet::model
