// A matrix of floats in memory: activations, a row a token. Owns its values.
#pragma once

#include <cstddef>
#include <new>
#include <span>
#include <vector>

namespace octet::model {

/// Memory that begins with a line of the cache, so that no register is loaded from two.
template <typename T>
struct LineAllocator {
    using value_type = T;
    static constexpr std::align_val_t kLine{64};

    LineAllocator() = default;
    template <typename Other>
    explicit(false) LineAllocator(const LineAllocator<Other>&) noexcept {}

    T* allocate(std::size_t count) {
        return static_cast<T*>(::operator new(count * sizeof(T), kLine));
    }
    void deallocate(T* pointer, std::size_t) noexcept { ::operator delete(pointer, kLine); }
    bool operator==(const LineAllocator&) const noexcept { return true; }
};

template <typename T>
using LineVector = std::vector<T, LineAllocator<T>>;

struct Matrix {
    Matrix() = default;
    Matrix(std::size_t row_count, std::size_t column_count)
        : rows(row_count), columns(column_count), values(row_count * column_count) {}

    float* row(std::size_t index) { return values.data() + index * columns; }
    const float* row(std::size_t index) const { return values.data() + index * columns; }
    std::span<const float> row_span(std::size_t index) const { return {row(index), columns}; }

    std::size_t rows = 0;
    std::size_t columns = 0;
    LineVector<float> values;
};

}  // namespace octet::model
