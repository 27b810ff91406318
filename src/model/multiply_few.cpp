// Products with few tokens: every weight is read once and codes stay integers until their sums are there,
// y = sum over groups of scale * (codes . x) + offset * sum(x).
#include <algorithm>
#include <cstdint>

#include "model/multiply.hpp"

namespace octet::model {
namespace {

constexpr std::size_t kTaskColumns = 256;  ///< most outputs of one task of a weight stored by inputs
constexpr std::size_t kTaskRows = 64;      ///< outputs of one task of a weight stored by outputs
constexpr std::size_t kUnpackedRows = 64;  ///< inputs whose codes are unpacked together
constexpr std::size_t kUnpackedPitch = kTaskColumns + 8;

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

/// A product on its way: what all tasks share.
struct Few {
    const kernels::Products& loops;
    const Matrix& x;
    const WeightMatrix& weight;
    Matrix& out;
    std::size_t group = 0;  ///< inputs that share a block; 0: values are restored instead
    Matrix sums;            ///< of x, by token and group

    std::size_t groups() const { return (x.columns + group - 1) / group; }
};

/// Inputs of a block where blocks lie along the inputs of single outputs, or there is one for all.
std::size_t group_of(const WeightMatrix& weight, Layout layout) {
    if (!weight.is_codes) return 0;
    const quant::BlockGrid& grid = weight.state.grid;
    const bool is_whole = grid.down == 1 && grid.across == 1;
    if (layout == Layout::kOutIn) return is_whole || grid.rows_each == 1 ? grid.columns_each : 0;
    return is_whole || grid.columns_each == 1 ? grid.rows_each : 0;
}

float dot(const Few& few, const std::uint8_t* codes, const float* x, std::size_t count) {
    return few.weight.state.scheme.symmetric ? few.loops.dot_s8(reinterpret_cast<const std::int8_t*>(codes), x, count)
                                             : few.loops.dot_u8(codes, x, count);
}

void add_rows(const Few& few, const std::uint8_t* codes, std::size_t pitch, const float* x, std::size_t rows, float* y,
              std::size_t columns) {
    if (few.weight.state.scheme.symmetric) {
        few.loops.add_rows_s8(reinterpret_cast<const std::int8_t*>(codes), pitch, x, rows, y, columns);
    } else {
        few.loops.add_rows_u8(codes, pitch, x, rows, y, columns);
    }
}

/// One output of a weight stored by outputs.
void dot_with_row(const Few& few, std::size_t o, float* scratch) {
    const std::size_t inputs = few.x.columns;
    const WeightMatrix& weight = few.weight;
    if (few.group == 0) {
        const void* row = weight.row(o);
        if (weight.is_codes || weight.dtype != Dtype::kF32) {
            restore(weight, o, 0, inputs, scratch);
            row = scratch;
        }
        for (std::size_t t = 0; t < few.x.rows; ++t) few.out.row(t)[o] = few.loops.dot_f32(row, few.x.row(t), inputs);
        return;
    }
    const std::uint8_t* const codes = codes_of(weight, o, 0, inputs, reinterpret_cast<std::uint8_t*>(scratch));
    float scales[kMostAtOnce];
    float offsets[kMostAtOnce];
    for (std::size_t t = 0; t < few.x.rows; ++t) few.out.row(t)[o] = 0.0F;
    for (std::size_t g = 0; g < few.groups(); ++g) {
        if (g % kMostAtOnce == 0) {
            const std::size_t count = std::min(kMostAtOnce, few.groups() - g);
            states_of(weight, o / weight.state.grid.rows_each, g, count, scales, offsets);
        }
        const std::size_t first = g * few.group;
        const std::size_t count = std::min(few.group, inputs - first);
        for (std::size_t t = 0; t < few.x.rows; ++t) {
            few.out.row(t)[o] += dot(few, codes + first, few.x.row(t) + first, count) * scales[g % kMostAtOnce] +
                                 offsets[g % kMostAtOnce] * few.sums.row(t)[g];
        }
    }
}

/// Outputs `first` .. `first + count` of a weight stored by inputs, whose values are restored row by row or are floats.
void add_restored_rows(const Few& few, std::size_t first, std::size_t count, float* scratch) {
    const bool direct = !few.weight.is_codes && few.weight.dtype == Dtype::kF32;
    for (std::size_t t = 0; t < few.x.rows; ++t) std::fill_n(few.out.row(t) + first, count, 0.0F);
    for (std::size_t i = 0; i < few.x.columns; ++i) {
        if (direct) break;
        restore(few.weight, i, first, count, scratch);
        for (std::size_t t = 0; t < few.x.rows; ++t)
            few.loops.add_rows_f32(scratch, count, few.x.row(t) + i, 1, few.out.row(t) + first, count);
    }
    for (std::size_t t = 0; direct && t < few.x.rows; ++t) {
        few.loops.add_rows_f32(few.weight.data + 4 * first, few.weight.columns, few.x.row(t), few.x.columns,
                               few.out.row(t) + first, count);
    }
}

/// The same on codes, group by group.
void add_code_rows(const Few& few, std::size_t first, std::size_t count, float* scratch) {
    const WeightMatrix& weight = few.weight;
    const bool by_column = weight.state.grid.across > 1;
    const bool packed = weight.state.scheme.bits != 8;
    auto* const room = reinterpret_cast<std::uint8_t*>(scratch);
    float scales[kTaskColumns];
    float offsets[kTaskColumns];
    float parts[kFewTokens][kTaskColumns];
    for (std::size_t t = 0; t < few.x.rows; ++t) std::fill_n(few.out.row(t) + first, count, 0.0F);
    for (std::size_t g = 0; g < few.groups(); ++g) {
        states_of(weight, g, by_column ? first : 0, by_column ? count : 1, scales, offsets);
        if (!by_column) {
            std::fill(scales + 1, scales + count, scales[0]);
            std::fill(offsets + 1, offsets + count, offsets[0]);
        }
        for (std::size_t t = 0; t < few.x.rows; ++t) std::fill_n(parts[t], count, 0.0F);
        const std::size_t last = std::min(few.x.columns, (g + 1) * few.group);
        const std::size_t together = packed ? kUnpackedRows : last;
        for (std::size_t i = g * few.group; i < last; i += together) {
            const std::size_t rows = std::min(together, last - i);
            for (std::size_t r = 0; packed && r < rows; ++r)
                codes_of(weight, i + r, first, count, room + r * kUnpackedPitch);
            const std::uint8_t* const codes = packed ? room : codes_of(weight, i, first, count, room);
            const std::size_t pitch = packed ? kUnpackedPitch : weight.row_bytes;
            for (std::size_t t = 0; t < few.x.rows; ++t)
                add_rows(few, codes, pitch, few.x.row(t) + i, rows, parts[t], count);
        }
        for (std::size_t t = 0; t < few.x.rows; ++t) {
            float* const y = few.out.row(t) + first;
            const float sum = few.sums.row(t)[g];
            for (std::size_t c = 0; c < count; ++c) y[c] += parts[t][c] * scales[c] + offsets[c] * sum;
        }
    }
}

}  // namespace

void Machine::multiply_few(const Matrix& x, const WeightMatrix& weight, Layout layout, Matrix& out) {
    Few few{loops_, x, weight, out, group_of(weight, layout), {}};
    if (few.group > 0) {
        few.sums = Matrix(x.rows, few.groups());
        for (std::size_t t = 0; t < x.rows; ++t) {
            for (std::size_t g = 0; g < few.groups(); ++g) {
                const std::size_t first = g * few.group;
                few.sums.row(t)[g] = sum_of(x.row(t) + first, std::min(few.group, x.columns - first));
            }
        }
    }
    reserve_scratch(std::max(x.columns + 16, kUnpackedRows * kUnpackedPitch / sizeof(float) + 16));
    if (layout == Layout::kInOut) {
        const std::size_t each =
            weight.is_codes ? kTaskColumns / 2 : kTaskColumns;  // measured: floats want longer rows
        team_.run((out.columns + each - 1) / each, [&](std::size_t task, unsigned member) {
            const std::size_t first = task * each;
            const std::size_t count = std::min(each, few.out.columns - first);
            if (few.group > 0) {
                add_code_rows(few, first, count, scratch(member));
            } else {
                add_restored_rows(few, first, count, scratch(member));
            }
        });
        return;
    }
    team_.run((out.columns + kTaskRows - 1) / kTaskRows, [&](std::size_t task, unsigned member) {
        const std::size_t last = std::min(few.out.columns, (task + 1) * kTaskRows);
        for (std::size_t o = task * kTaskRows; o < last; ++o) dot_with_row(few, o, scratch(member));
    });
}

}  // namespace octet::model
