// F32 is taken as it lies; the others pass in blocks of 4,096 elements through the loops that widen
// and narrow.
#include "quant/values.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "quant/active_kernels.hpp"

namespace octet::quant {
namespace {

constexpr std::size_t kBlock = 4096;  // elements; 16 KiB of float32

std::size_t bytes_each(Dtype dtype) {
    return dtype_bits(dtype) / 8;
}

void widen(Dtype dtype, const std::byte* source, std::size_t count, float* out) {
    const kernels::Kernels& k = active_kernels();
    switch (dtype) {
        case Dtype::kF16:
            k.widen_f16(source, count, out);
            break;
        case Dtype::kBF16:
            k.widen_bf16(source, count, out);
            break;
        case Dtype::kF64:
            k.narrow_f64(source, count, out);
            break;
        default:
            std::memcpy(out, source, count * sizeof(float));
    }
}

void narrow(const float* values, std::size_t count, Dtype dtype, std::byte* out,
            kernels::Narrowing& narrowing) {
    const kernels::Kernels& k = active_kernels();
    switch (dtype) {
        case Dtype::kF16:
            k.narrow_to_f16(values, count, out, narrowing);
            break;
        case Dtype::kBF16:
            k.narrow_to_bf16(values, count, out, narrowing);
            break;
        case Dtype::kF64:
            k.widen_to_f64(values, count, out);
            break;
        default:
            if (count != 0) std::memcpy(out, values, count * sizeof(float));
    }
}

/// Calls visit(first element, count, float32 values) block by block.
template <typename Visit>
void for_each_block(Dtype dtype, std::span<const std::byte> source, Visit visit) {
    const std::size_t count = source.size() / bytes_each(dtype);
    alignas(64) float block[kBlock];
    for (std::size_t first = 0; first < count; first += kBlock) {
        const std::size_t size = std::min(kBlock, count - first);
        widen(dtype, source.data() + first * bytes_each(dtype), size, block);
        visit(first, size, static_cast<const float*>(block));
    }
}

}  // namespace

void add_range(Dtype dtype, std::span<const std::byte> source, kernels::Range& range) {
    const kernels::Kernels& k = active_kernels();
    if (dtype == Dtype::kF32)
        return k.range_f32(source.data(), source.size() / sizeof(float), range);
    for_each_block(dtype, source, [&](std::size_t, std::size_t size, const float* values) {
        k.range_f32(values, size, range);
    });
}

void convert_values(Dtype from, std::span<const std::byte> source, Dtype to,
                    std::span<std::byte> target, kernels::Narrowing& narrowing) {
    const bool are_floats = reinterpret_cast<std::uintptr_t>(source.data()) % alignof(float) == 0;
    if (from == Dtype::kF32 && are_floats)
        return narrow(reinterpret_cast<const float*>(source.data()), source.size() / sizeof(float),
                      to, target.data(), narrowing);
    for_each_block(from, source, [&](std::size_t first, std::size_t size, const float* values) {
        narrow(values, size, to, target.data() + first * bytes_each(to), narrowing);
    });
}

std::optional<NonFinite> first_non_finite(Dtype dtype, std::span<const std::byte> source) {
    std::optional<NonFinite> found;
    for_each_block(dtype, source, [&](std::size_t first, std::size_t size, const float* values) {
        for (std::size_t i = 0; i < size && !found; ++i) {
            if (std::isfinite(values[i])) continue;
            double exact = static_cast<double>(values[i]);
            if (dtype == Dtype::kF64)
                std::memcpy(&exact, source.data() + (first + i) * sizeof(double), sizeof(double));
            found = NonFinite{first + i, exact};
        }
    });
    return found;
}

}  // namespace octet::quant
