// A matrix of floats in memory: activations, a row a token. Owns its values.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace octet::model {

struct Matrix {
    Matrix() = default;
    Matrix(std::size_t row_count, std::size_t column_count)
        : rows(row_count), columns(column_count), values(row_count * column_count) {}

    float* row(std::size_t index) { return values.data() + index * columns; }
    const float* row(std::size_t index) const { return values.data() + index * columns; }
    std::span<const float> row_span(std::size_t index) const { return {row(index), columns}; }

    std::size_t rows = 0;
    std::size_t columns = 0;
    std::vector<float> values;
};

}  // namespace octet::model
