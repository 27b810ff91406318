// The specification: every loop, one element at a time.
#include <cmath>

#include "kernels/product_tables.hpp"
#include "kernels/scalar_text.hpp"

namespace octet::kernels {
namespace {

template <typename Code>
float dot(const void* weights, const float* x, std::size_t count) {
    float sum = 0.0F;
    for (std::size_t i = 0; i < count; ++i) sum += static_cast<float>(load<Code>(weights, i)) * x[i];
    return sum;
}

template <typename Code>
void add_rows(const void* weights, std::size_t pitch, const float* x, std::size_t rows, float* y, std::size_t columns) {
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < columns; ++c) y[c] += x[r] * static_cast<float>(load<Code>(weights, r * pitch + c));
    }
}

float dot_u8(const std::uint8_t* codes, const float* x, std::size_t count) {
    return dot<std::uint8_t>(codes, x, count);
}

float dot_s8(const std::int8_t* codes, const float* x, std::size_t count) {
    return dot<std::int8_t>(codes, x, count);
}

void add_rows_u8(const std::uint8_t* codes, std::size_t pitch, const float* x, std::size_t rows, float* y,
                 std::size_t columns) {
    add_rows<std::uint8_t>(codes, pitch, x, rows, y, columns);
}

void add_rows_s8(const std::int8_t* codes, std::size_t pitch, const float* x, std::size_t rows, float* y,
                 std::size_t columns) {
    add_rows<std::int8_t>(codes, pitch, x, rows, y, columns);
}

void multiply_panel(const float* x, std::size_t x_pitch, std::size_t tokens, const float* panel, std::size_t depth,
                    float* out, std::size_t out_pitch) {
    for (std::size_t t = 0; t < tokens; ++t) {
        for (std::size_t c = 0; c < kPanelColumns; ++c) out[t * out_pitch + c] = 0.0F;
        add_rows<float>(panel, kPanelColumns, x + t * x_pitch, depth, out + t * out_pitch, kPanelColumns);
    }
}

void transpose(const float* in, std::size_t rows, std::size_t columns, float* out) {
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < columns; ++c) out[c * rows + r] = in[r * columns + c];
    }
}

float exponentials(float* values, std::size_t count, float largest) {
    float sum = 0.0F;
    for (std::size_t i = 0; i < count; ++i) {
        values[i] = std::exp(values[i] - largest);
        sum += values[i];
    }
    return sum;
}

void gelu(float* values, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        const float x = values[i];
        const float inner = 0.7978845608F * (x + 0.044715F * x * x * x);
        values[i] = 0.5F * x * (1.0F + std::tanh(inner));
    }
}

}  // namespace

const Products kScalarProducts = {
    "scalar",       dot<float>, dot_u8,       dot_s8, add_rows<float>, add_rows_u8, add_rows_s8,
    multiply_panel, transpose,  exponentials, gelu,
};

}  // namespace octet::kernels
