// Encodes rows 16 at a time, block column by block column; the loops of kernels/ggml do a block.
#include "quant/ggml/encode.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "octet/error.hpp"
#include "quant/active_kernels.hpp"
#include "quant/ggml/active_loops.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {
namespace {

constexpr std::size_t kRows = kernels::ggml::kRows;

bool all_finite(const float* values, std::uint64_t count) {
    kernels::Range range = {std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity(), true};
    quant::active_kernels().range_f32(values, count, range);
    return range.finite;
}

/// F32, F16 and BF16. Returns false where a finite value became infinite.
bool convert(Type type, const float* values, std::uint64_t count, std::byte* out) {
    kernels::Narrowing narrowing = {};
    if (type == Type::kF32 && count != 0) std::memcpy(out, values, count * sizeof(float));
    if (type == Type::kF16) quant::active_kernels().narrow_to_f16(values, count, out, narrowing);
    if (type == Type::kBF16) quant::active_kernels().narrow_to_bf16(values, count, out, narrowing);
    return !narrowing.overflowed;
}

/// Up to 16 rows. Of fewer, the last one stands for those that are missing.
bool encode_rows(const kernels::ggml::Loops& loops, const TypeRow& type, const float* values,
                 std::size_t rows, std::uint64_t columns, const float* weights, Search search,
                 std::byte* out) {
    const std::uint64_t out_step = row_bytes(type.traits.type, columns);
    const float* first[kRows];
    unsigned char* blocks[kRows];
    unsigned char unused[kernels::ggml::kMostBlockBytes];
    for (std::size_t row = 0; row < kRows; ++row) {
        first[row] = values + std::min(row, rows - 1) * columns;
        blocks[row] = row < rows ? reinterpret_cast<unsigned char*>(out) + row * out_step : unused;
    }
    bool representable = true;
    for (std::uint64_t column = 0; column < columns; column += type.traits.block_elements) {
        const float* const w =
            weights == nullptr || search == Search::kMinMax ? nullptr : weights + column;
        const kernels::ggml::Blocks sixteen = {first, w, blocks, search == Search::kBest};
        representable = (loops.*type.encode)(sixteen) && representable;
        for (std::size_t row = 0; row < kRows; ++row) {
            first[row] += type.traits.block_elements;
            if (row < rows) blocks[row] += type.traits.block_bytes;
        }
    }
    return representable;
}

}  // namespace

Encoded encode_with(const kernels::ggml::Loops& loops, Type type, const float* values,
                    std::uint64_t rows, std::uint64_t columns, const float* weights, Search search,
                    std::byte* blocks) {
    const TypeRow& row = row_of(type);
    if (!row.traits.writable)
        throw Error(ErrorCode::kInternal, row.traits.name, "octet does not write this type");
    const std::uint64_t step = row_bytes(type, columns);
    Encoded encoded;
    encoded.not_finite = !all_finite(values, rows * columns);
    if (encoded.not_finite) return encoded;
    if (row.encode == nullptr) {
        encoded.overflow = !convert(type, values, rows * columns, blocks);
        return encoded;
    }
    for (std::uint64_t first = 0; first < rows; first += kRows) {
        const std::size_t count =
            static_cast<std::size_t>(std::min<std::uint64_t>(kRows, rows - first));
        const bool representable = encode_rows(loops, row, values + first * columns, count, columns,
                                               weights, search, blocks + first * step);
        encoded.overflow = encoded.overflow || !representable;
    }
    return encoded;
}

Encoded encode(Type type, const float* values, std::uint64_t rows, std::uint64_t columns,
               const float* weights, Search search, std::byte* blocks) {
    return encode_with(active_loops(), type, values, rows, columns, weights, search, blocks);
}

}  // namespace octet::ggml
