#include "model/multiply.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "quant/active_kernels.hpp"

namespace octet::model {
namespace {

constexpr std::size_t kPanel = kernels::kPanelColumns;
constexpr std::size_t kFewTokens = 4;      ///< below, restoring the values costs more than it saves
constexpr std::size_t kTaskColumns = 256;  ///< outputs of one task of a weight stored by inputs
constexpr std::size_t kTaskRows = 64;      ///< outputs of one task of a weight stored by outputs

const kernels::Products& active_products() {
    const std::vector<kernels::Isa> isas = quant::available_isas();
    const std::string_view wanted = quant::active_kernels().name;
    const kernels::Products* best = kernels::products_for(kernels::Isa::kScalar);
    for (const kernels::Isa isa : isas) {
        if (const kernels::Products* const table = kernels::products_for(isa)) best = table;
        if (wanted == kernels::isa_name(isa)) break;
    }
    return *best;
}

float* aligned(float* pointer) {
    return reinterpret_cast<float*>((reinterpret_cast<std::uintptr_t>(pointer) + 63) / 64 * 64);
}

float sum_of(const float* values, std::size_t count) {
    float lanes[16] = {};
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        for (std::size_t lane = 0; lane < 16; ++lane) lanes[lane] += values[i + lane];
    }
    float sum = 0.0F;
    for (const float lane : lanes) sum += lane;
    for (; i < count; ++i) sum += values[i];
    return sum;
}

/// Restores the panel of outputs `first` .. `first + kPanel` as [inputs][kPanel]; outputs beyond the last are 0. `staged` has room for a
/// panel, too.
void fill_panel(const kernels::Products& loops, const WeightMatrix& weight, Layout layout, std::size_t inputs,
                std::size_t outputs, std::size_t first, float* panel, float* staged) {
    const std::size_t count = std::min(kPanel, outputs - first);
    if (layout == Layout::kInOut) {
        if (count < kPanel) std::memset(panel, 0, inputs * kPanel * sizeof(float));
        for (std::size_t i = 0; i < inputs; ++i) restore(weight, i, first, count, panel + i * kPanel);
        return;
    }
    for (std::size_t i = 0; i < count; ++i) restore(weight, first + i, 0, inputs, staged + i * inputs);
    if (count < kPanel) std::memset(staged + count * inputs, 0, (kPanel - count) * inputs * sizeof(float));
    loops.transpose(staged, kPanel, inputs, panel);
}

}  // namespace

Machine::Machine(unsigned threads) : team_(threads), loops_(active_products()), scratch_(team_.size()) {}

void Machine::reserve_scratch(std::size_t floats) {
    for (auto& buffer : scratch_) {
        if (buffer.size() < floats) buffer.resize(floats);
    }
}

void Machine::multiply(const Matrix& x, const WeightMatrix& weight, Layout layout, const std::vector<float>& bias,
                       Matrix& out) {
    const std::size_t outputs = layout == Layout::kOutIn ? weight.rows : weight.columns;
    if (out.rows != x.rows || out.columns != outputs) out = Matrix(x.rows, outputs);
    if (squares_ != nullptr) add_squares(x, weight);
    if (x.rows >= kFewTokens) {
        multiply_by_panels(x, weight, layout, out);
    } else {
        multiply_by_rows(x, weight, layout, out);
    }
    if (bias.empty()) return;
    for (std::size_t t = 0; t < x.rows; ++t) {
        float* const y = out.row(t);
        for (std::size_t c = 0; c < outputs; ++c) y[c] += bias[c];
    }
}

void Machine::multiply_by_panels(const Matrix& x, const WeightMatrix& weight, Layout layout, Matrix& out) {
    const std::size_t inputs = x.columns;
    const std::size_t outputs = out.columns;
    reserve_scratch(2 * kPanel * inputs + kPanel * x.rows + 16);
    team_.run((outputs + kPanel - 1) / kPanel, [&](std::size_t task, unsigned member) {
        float* const panel = aligned(scratch(member));
        float* const staged = panel + kPanel * inputs;
        const std::size_t first = task * kPanel;
        fill_panel(loops_, weight, layout, inputs, outputs, first, panel, staged);
        if (first + kPanel <= outputs) {
            loops_.multiply_panel(x.row(0), inputs, x.rows, panel, inputs, out.row(0) + first, outputs);
            return;
        }
        float* const last = staged + kPanel * inputs;
        loops_.multiply_panel(x.row(0), inputs, x.rows, panel, inputs, last, kPanel);
        for (std::size_t t = 0; t < x.rows; ++t)
            std::memcpy(out.row(t) + first, last + t * kPanel, (outputs - first) * sizeof(float));
    });
}

void Machine::multiply_by_rows(const Matrix& x, const WeightMatrix& weight, Layout layout, Matrix& out) {
    const std::size_t inputs = x.columns;
    const std::size_t outputs = out.columns;
    const bool direct = weight.is_codes || weight.dtype == Dtype::kF32;
    reserve_scratch(direct ? 0 : std::max(inputs, kTaskColumns));
    const auto* const codes = reinterpret_cast<const std::uint8_t*>(weight.data);
    float sums[kFewTokens];
    for (std::size_t t = 0; t < x.rows; ++t) sums[t] = weight.is_codes ? sum_of(x.row(t), inputs) : 0.0F;

    const auto columns_task = [&](std::size_t task, unsigned member) {
        const std::size_t first = task * kTaskColumns;
        const std::size_t count = std::min(kTaskColumns, outputs - first);
        for (std::size_t t = 0; t < x.rows; ++t) {
            float* const y = out.row(t) + first;
            std::fill(y, y + count, 0.0F);
            if (weight.is_codes) {
                loops_.add_rows_u8(codes + first, outputs, x.row(t), inputs, y, count);
                for (std::size_t c = 0; c < count; ++c)
                    y[c] = y[c] * weight.state.scale + weight.state.zero_point * sums[t];
            } else if (direct) {
                loops_.add_rows_f32(weight.data + 4 * first, outputs, x.row(t), inputs, y, count);
            } else {
                for (std::size_t i = 0; i < inputs; ++i) {
                    restore(weight, i, first, count, scratch(member));
                    loops_.add_rows_f32(scratch(member), count, x.row(t) + i, 1, y, count);
                }
            }
        }
    };
    const auto rows_task = [&](std::size_t task, unsigned member) {
        const std::size_t last = std::min(outputs, (task + 1) * kTaskRows);
        for (std::size_t o = task * kTaskRows; o < last; ++o) {
            const void* row = weight.row(o);
            if (!direct) {
                restore(weight, o, 0, inputs, scratch(member));
                row = scratch(member);
            }
            for (std::size_t t = 0; t < x.rows; ++t) {
                out.row(t)[o] = weight.is_codes
                                    ? loops_.dot_u8(codes + o * inputs, x.row(t), inputs) * weight.state.scale +
                                          weight.state.zero_point * sums[t]
                                    : loops_.dot_f32(row, x.row(t), inputs);
            }
        }
    };
    if (layout == Layout::kInOut) {
        team_.run((outputs + kTaskColumns - 1) / kTaskColumns, columns_task);
    } else {
        team_.run((outputs + kTaskRows - 1) / kTaskRows, rows_task);
    }
}

void Machine::apply_gelu(Matrix& x) {
    constexpr std::size_t kValuesOfTask = 1024;
    const std::size_t count = x.values.size();
    team_.run((count + kValuesOfTask - 1) / kValuesOfTask, [&](std::size_t task, unsigned) {
        const std::size_t first = task * kValuesOfTask;
        loops_.gelu(x.values.data() + first, std::min(kValuesOfTask, count - first));
    });
}

void Machine::add_squares(const Matrix& x, const WeightMatrix& weight) {
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
