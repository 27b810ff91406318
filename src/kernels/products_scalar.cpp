// The specification: every loop, one element at a time.
#include <cmath>

#include "kernels/product_tables.hpp"
#include "kernels/scalar_text.hpp"

namespace octet::kernels {
namespace {

float code_of(const Codes& codes, const std::uint8_t* row, std::size_t index) {
    const std::size_t bit = index * codes.bits;
    const unsigned shift = bit % 8;
    unsigned code = row[bit / 8] >> shift;
    if (shift + codes.bits > 8) code |= static_cast<unsigned>(row[bit / 8 + 1]) << (8 - shift);
    code &= (1U << codes.bits) - 1;
    const bool is_negative = codes.is_signed && code >> (codes.bits - 1) != 0;
    return static_cast<float>(code) - (is_negative ? static_cast<float>(1U << codes.bits) : 0.0F);
}

float dot_f32(const void* weights, const float* x, std::size_t count) {
    float sum = 0.0F;
    for (std::size_t i = 0; i < count; ++i) sum += load<float>(weights, i) * x[i];
    return sum;
}

float dot_codes(const Codes& codes, const float* x, std::size_t count, const float* scales,
                std::size_t group) {
    float sum = 0.0F;
    for (std::size_t i = 0; i < count; ++i)
        sum += code_of(codes, codes.bytes, i) * x[i] * scales[i / group];
    return sum;
}

void dots_of_two_levels(const SmallDots& dots, const float* x, const float* sums, float* y) {
    for (std::size_t o = 0; o < dots.outputs; ++o) {
        const std::uint8_t* const scales = dots.scales.bytes + o * dots.scales_pitch;
        for (std::size_t i = 0; i < dots.count; ++i) {
            const float scale = code_of(dots.scales, scales, i / dots.group) * dots.super_scales[o];
            y[o] += (code_of(dots.codes, dots.codes.bytes + o * dots.pitch, i) - dots.middle) *
                    scale * x[i];
        }
        if (dots.zero_points.bytes == nullptr) continue;
        const std::uint8_t* const zero_points = dots.zero_points.bytes + o * dots.zero_points_pitch;
        for (std::size_t g = 0; g < dots.groups; ++g)
            y[o] += code_of(dots.zero_points, zero_points, g) * dots.super_zero_points[o] * sums[g];
    }
}

void add_rows_f32(const void* weights, std::size_t pitch, const float* x, std::size_t rows,
                  float* y, std::size_t columns) {
    const auto* const bytes = static_cast<const unsigned char*>(weights);
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < columns; ++c) y[c] += x[r] * load<float>(bytes + r * pitch, c);
    }
}

void add_rows_codes(const Codes& codes, std::size_t pitch, const float* x, std::size_t rows,
                    float* y, std::size_t columns) {
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < columns; ++c)
            y[c] += x[r] * code_of(codes, codes.bytes + r * pitch, c);
    }
}

void add_rows_of_tokens(const RowsOfCodes& rows, const Tokens& tokens, const Area&) {
    for (std::size_t t = 0; t < tokens.count; ++t) {
        for (std::size_t c = 0; c < rows.columns; ++c) {
            float sum = 0.0F;
            for (std::size_t r = 0; r < rows.count; ++r) {
                float w = code_of(rows.codes, rows.codes.bytes + r * rows.pitch, c);
                const std::size_t state = r / rows.group * rows.states_pitch + c;
                if (rows.scales != nullptr) w = w * rows.scales[state] + rows.offsets[state];
                sum += tokens.x[t * tokens.x_pitch + r] * w;
            }
            tokens.y[t * tokens.y_pitch + c] += sum;
        }
    }
}

void restore_small_states(const SmallStates& states, std::size_t count, float* scales,
                          float* offsets) {
    for (std::size_t c = 0; c < count; ++c) {
        scales[c] = code_of(states.scales, states.scales.bytes, c) * states.super_scales[c];
        offsets[c] = -states.middle * scales[c];
        if (states.super_zero_points == nullptr) continue;
        offsets[c] +=
            code_of(states.zero_points, states.zero_points.bytes, c) * states.super_zero_points[c];
    }
}

void add_products(const Codes& codes, const float* x, float* y, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) y[i] += code_of(codes, codes.bytes, i) * x[i];
}

void add_two_products(const float* a, const float* s, const float* b, const float* z, float* y,
                      std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) y[i] += a[i] * s[i] + b[i] * z[i];
}

void widen_codes(const Codes& codes, std::size_t count, float* out) {
    for (std::size_t i = 0; i < count; ++i) out[i] = code_of(codes, codes.bytes, i);
}

void multiply_panel(const float* x, std::size_t x_pitch, std::size_t tokens, const float* panel,
                    std::size_t depth, float* out, std::size_t out_pitch) {
    for (std::size_t t = 0; t < tokens; ++t) {
        for (std::size_t c = 0; c < kPanelColumns; ++c) out[t * out_pitch + c] = 0.0F;
        add_rows_f32(panel, kPanelColumns * sizeof(float), x + t * x_pitch, depth,
                     out + t * out_pitch, kPanelColumns);
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
}  // namespace octet::kernels

#include "kernels/products_named.hpp"

namespace octet::kernels {

const Products kScalarProducts = products_named("scalar");

}  // namespace octet::kernels
