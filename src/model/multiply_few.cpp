// Products with few tokens, where every weight is read once: floats as they lie, codes as
// multiply_codes.cpp does it, and what neither can do restored row by row.
#include <algorithm>
#include <cstdint>

#include "model/few.hpp"
#include "model/multiply.hpp"

namespace octet::model {
namespace {

constexpr std::size_t kTaskColumns =
    256;  ///< most outputs of one task of a weight stored by inputs
constexpr std::size_t kTaskCodeBytes = 128U
                                       << 10U;  ///< of one task of codes stored by inputs, about

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

/// Inputs of a block where blocks lie along the inputs of single outputs, or there is one for all.
std::size_t group_of(const WeightMatrix& weight, Layout layout) {
    if (!weight.is_codes) return 0;
    const quant::BlockGrid& grid = weight.state.grid;
    const bool is_whole = grid.down == 1 && grid.across == 1;
    if (layout == Layout::kOutIn) return is_whole || grid.rows_each == 1 ? grid.columns_each : 0;
    return is_whole || grid.columns_each == 1 ? grid.rows_each : 0;
}

void add_sums_of_groups(Few& few) {
    constexpr std::size_t kZeros = 15;  // that a register can be filled with
    few.sums = Matrix(few.x.rows, few.groups() + kZeros);
    for (std::size_t t = 0; t < few.x.rows; ++t) {
        for (std::size_t g = 0; g < few.groups(); ++g) {
            const std::size_t first = g * few.group;
            few.sums.row(t)[g] =
                sum_of(few.x.row(t) + first, std::min(few.group, few.x.columns - first));
        }
    }
}

/// One output of a weight stored by outputs, whose values are restored or are floats.
void dot_with_row(const Few& few, std::size_t o, float* scratch) {
    const void* row = few.weight.row(o);
    if (few.weight.is_codes || few.weight.dtype != Dtype::kF32) {
        restore(few.weight, o, 0, few.x.columns, scratch);
        row = scratch;
    }
    for (std::size_t t = 0; t < few.x.rows; ++t)
        few.out.row(t)[o] = few.loops.dot_f32(row, few.x.row(t), few.x.columns);
}

/// Outputs `first` .. `first + count` of a weight stored by inputs, whose values are restored row
/// by row or are floats.
void add_rows(const Few& few, std::size_t first, std::size_t count, float* scratch) {
    const bool direct = !few.weight.is_codes && few.weight.dtype == Dtype::kF32;
    for (std::size_t t = 0; t < few.x.rows; ++t) std::fill_n(few.out.row(t) + first, count, 0.0F);
    for (std::size_t i = 0; i < few.x.columns; ++i) {
        if (direct) break;
        restore(few.weight, i, first, count, scratch);
        for (std::size_t t = 0; t < few.x.rows; ++t)
            few.loops.add_rows_f32(scratch, 0, few.x.row(t) + i, 1, few.out.row(t) + first, count);
    }
    for (std::size_t t = 0; direct && t < few.x.rows; ++t) {
        few.loops.add_rows_f32(few.weight.data + 4 * first, few.weight.row_bytes, few.x.row(t),
                               few.x.columns, few.out.row(t) + first, count);
    }
}

void add_borders_of_groups(Few& few) {
    constexpr std::size_t kTogether = 16;
    few.is_next.resize(few.x.columns);
    for (std::size_t i = 0; i < few.x.columns; ++i) {
        if (i % kTogether == 0)
            few.group_of_16.push_back(static_cast<std::uint32_t>(i / few.group));
        few.is_next[i] = i / few.group == few.group_of_16.back() ? 0 : 1;
    }
}

}  // namespace

// About kTaskCodeBytes of codes.
std::size_t rows_of_block(const WeightMatrix& weight) {
    const bool is_plain = weight.state.grid.down == 1 && !weight.state.two;
    const std::size_t unit = is_plain ? 8 : weight.state.grid.rows_each;
    return std::max<std::size_t>(kTaskCodeBytes / weight.row_bytes / unit, 1) * unit;
}

void ComputeContext::multiply_few(const Matrix& x, const WeightMatrix& weight, Layout layout,
                                  Matrix& out, const WeightMatrix* next) {
    Few few{loops_, x, weight, out, group_of(weight, layout), {}, {}, {}, next};
    if (few.group > 0) add_sums_of_groups(few);
    if (layout == Layout::kInOut && few.group > 0)
        return x.rows == 1 ? multiply_code_rows(few) : multiply_code_columns(few);
    if (few.group > 0 && weight.state.two) add_borders_of_groups(few);
    reserve_scratch(std::max(x.columns, kTaskColumns));
    if (layout == Layout::kInOut) {
        team_.run((out.columns + kTaskColumns - 1) / kTaskColumns, [&](std::size_t task,
                                                                       unsigned member) {
            const std::size_t first = task * kTaskColumns;
            add_rows(few, first, std::min(kTaskColumns, few.out.columns - first), scratch(member));
        });
        return;
    }
    const std::size_t tasks = (out.columns + kOutputsAtOnce - 1) / kOutputsAtOnce;
    team_.run(tasks, [&](std::size_t task, unsigned member) {
        const std::size_t first =
            (tasks - 1 - task) * kOutputsAtOnce;  // from the beginning of the weight
        const std::size_t count = std::min(kOutputsAtOnce, few.out.columns - first);
        if (few.group > 0) return dot_with_codes(few, first, count);
        for (std::size_t o = first; o < first + count; ++o) dot_with_row(few, o, scratch(member));
    });
}

// Of one token: shared out by inputs, whose codes lie together in memory, though each task then has
// its own sums of all outputs; they are added in the order of the tasks.
void ComputeContext::multiply_code_rows(const Few& few) {
    const std::size_t rows = rows_of_block(few.weight);
    const std::size_t tasks = (few.x.columns + rows - 1) / rows;
    const std::size_t size = few.out.values.size();
    const Outputs outputs{0, few.out.columns};
    reserve_scratch(2 * size);
    partials_.assign(tasks * size, 0.0F);
    team_.run(tasks, [&](std::size_t task, unsigned member) {
        const std::size_t first = task * rows;
        add_code_rows(few, first, std::min(rows, few.x.columns - first), outputs,
                      partials_.data() + task * size, scratch(member));
    });
    for (std::size_t task = 1; task < tasks; ++task) {
        const float* const partial = partials_.data() + task * size;
        for (std::size_t i = 0; i < size; ++i) partials_[i] += partial[i];
    }
    finish_sums(few, outputs, partials_.data(), size);
}

// Of several tokens: shared out by outputs. Each task has its sums in memory of its own: beside
// each other in `out` the processors would take the lines at the border from each other.
void ComputeContext::multiply_code_columns(const Few& few) {
    const ColumnTasks tasks(few.weight, team_.size());
    reserve_scratch(floats_of_columns(few, tasks) + 16);
    team_.run(tasks.count, [&](std::size_t task, unsigned member) {
        multiply_columns(few, tasks, task, aligned(scratch(member)));
    });
}

}  // namespace octet::model
