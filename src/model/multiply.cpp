// Chooses the path by the number of tokens: few go through registers (model/multiply_few), many
// through panels of 32 outputs that are restored once for all tokens.
#include "model/multiply.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "model/active_products.hpp"

namespace octet::model {
namespace {

constexpr std::size_t kPanel = kernels::kPanelColumns;

float* aligned(float* pointer) {
    return reinterpret_cast<float*>((reinterpret_cast<std::uintptr_t>(pointer) + 63) / 64 * 64);
}

/// Restores the panel of outputs `first` .. `first + kPanel` as [inputs][kPanel]; outputs beyond
/// the last are 0. `staged` has room for a panel, too.
void fill_panel(const kernels::Products& loops, const WeightMatrix& weight, Layout layout,
                std::size_t inputs, std::size_t outputs, std::size_t first, float* panel,
                float* staged) {
    const std::size_t count = std::min(kPanel, outputs - first);
    if (layout == Layout::kInOut) {
        if (count < kPanel) std::memset(panel, 0, inputs * kPanel * sizeof(float));
        restore_rows(weight, 0, inputs, first, count, panel, kPanel);
        return;
    }
    restore_rows(weight, first, count, 0, inputs, staged, inputs);
    if (count < kPanel)
        std::memset(staged + count * inputs, 0, (kPanel - count) * inputs * sizeof(float));
    loops.transpose(staged, kPanel, inputs, panel);
}

}  // namespace

ComputeContext::ComputeContext(unsigned threads)
    : team_(threads), loops_(active_products()), scratch_(team_.size()) {}

void ComputeContext::reserve_scratch(std::size_t floats) {
    for (auto& buffer : scratch_) {
        if (buffer.size() < floats) buffer.resize(floats);
    }
}

void ComputeContext::multiply(const Matrix& x, const WeightMatrix& weight, Layout layout,
                              const std::vector<float>& bias, Matrix& out,
                              const WeightMatrix* next) {
    const std::size_t outputs = layout == Layout::kOutIn ? weight.rows : weight.columns;
    if (out.rows != x.rows || out.columns != outputs) out = Matrix(x.rows, outputs);
    if (squares_ != nullptr) add_squares(x, weight);
    if (x.rows >= (weight.is_codes ? kFewTokensOfCodes : kFewTokens)) {
        multiply_by_panels(x, weight, layout, out);
    } else {
        multiply_few(x, weight, layout, out, next);
    }
    if (bias.empty()) return;
    for (std::size_t t = 0; t < x.rows; ++t) {
        float* const y = out.row(t);
        for (std::size_t c = 0; c < outputs; ++c) y[c] += bias[c];
    }
}

void ComputeContext::multiply_by_panels(const Matrix& x, const WeightMatrix& weight, Layout layout,
                                        Matrix& out) {
    const std::size_t inputs = x.columns;
    const std::size_t outputs = out.columns;
    reserve_scratch(2 * kPanel * inputs + kPanel * x.rows + 16);
    team_.run((outputs + kPanel - 1) / kPanel, [&](std::size_t task, unsigned member) {
        float* const panel = aligned(scratch(member));
        float* const staged = panel + kPanel * inputs;
        const std::size_t first = task * kPanel;
        fill_panel(loops_, weight, layout, inputs, outputs, first, panel, staged);
        if (first + kPanel <= outputs) {
            loops_.multiply_panel(x.row(0), inputs, x.rows, panel, inputs, out.row(0) + first,
                                  outputs);
            return;
        }
        float* const last = staged + kPanel * inputs;
        loops_.multiply_panel(x.row(0), inputs, x.rows, panel, inputs, last, kPanel);
        for (std::size_t t = 0; t < x.rows; ++t)
            std::memcpy(out.row(t) + first, last + t * kPanel, (outputs - first) * sizeof(float));
    });
}

void ComputeContext::apply_gelu(Matrix& x) {
    constexpr std::size_t kValuesOfTask = 1024;
    const std::size_t count = x.values.size();
    team_.run((count + kValuesOfTask - 1) / kValuesOfTask, [&](std::size_t task, unsigned) {
        const std::size_t first = task * kValuesOfTask;
        loops_.gelu(x.values.data() + first, std::min(kValuesOfTask, count - first));
    });
}

void ComputeContext::add_squares(const Matrix& x, const WeightMatrix& weight) {
    InputSquares& squares = (*squares_)[weight.name];
    squares.sums.resize(x.columns);
    squares.tokens += x.rows;
    for (std::size_t t = 0; t < x.rows; ++t) {
        for (std::size_t i = 0; i < x.columns; ++i) {
            const double value = static_cast<double>(x.row(t)[i]);
            squares.sums[i] += value * value;
        }
    }
}

}  // namespace octet::model
