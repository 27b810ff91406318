// A product with few tokens on its way: what all its tasks share. Between multiply_few.cpp,
// multiply_codes.cpp and multiply_columns.cpp only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/products.hpp"
#include "model/matrix.hpp"
#include "model/weight_matrix.hpp"

namespace octet::model {

struct Few {
    const kernels::Products& loops;
    const Matrix& x;
    const WeightMatrix& weight;
    Matrix& out;
    std::size_t group = 0;  ///< inputs that share a block; 0: values are restored instead
    Matrix sums;            ///< of x, by token and group; zeros follow
    LineVector<std::int32_t>
        is_next;  ///< of two levels and codes stored by outputs: as kernels::SmallDots has it
    std::vector<std::uint32_t> group_of_16;
    const WeightMatrix* next = nullptr;  ///< what is multiplied with after this; or null

    std::size_t groups() const { return (x.columns + group - 1) / group; }

    /// One block is all of an output: scale and offset can wait until its sum is there.
    bool is_plain() const { return groups() == 1 && !weight.state.two; }
};

constexpr std::size_t kOutputsAtOnce = 64;  ///< of codes that are stored by outputs

/// Some outputs, at most kOutputsAtOnce, of codes that are stored by outputs.
void dot_with_codes(const Few& few, std::size_t first, std::size_t count);

/// Some outputs of a weight that is stored by inputs; `first` is a multiple of 8.
struct Outputs {
    std::size_t first;
    std::size_t count;
};

/// Codes that are stored by inputs, and one token: the products of the inputs `first` .. `first +
/// count` with those outputs into `partial`, which holds zeros. They are whole groups or, where one
/// block is all of an output, any, and then without scale and offset: finish_sums() does that.
/// `room` has as many floats as `partial`, twice.
void add_code_rows(const Few& few, std::size_t first, std::size_t count, const Outputs& outputs,
                   float* partial, float* room);

/// Sums, `pitch` floats apart by token, of those outputs into few.out, with scale and offset where
/// is_plain().
void finish_sums(const Few& few, const Outputs& outputs, const float* sums, std::size_t pitch);

/// Inputs whose sums are made together: whole groups, or any where is_plain().
std::size_t rows_of_block(const WeightMatrix& weight);

/// How a weight that is stored by inputs is shared out by outputs among members of a team.
struct ColumnTasks {
    ColumnTasks(const WeightMatrix& weight, std::size_t members);

    Outputs outputs(std::size_t task) const {
        return {task * together, std::min(together, all - task * together)};
    }

    std::size_t all;       ///< outputs
    std::size_t together;  ///< outputs of a task
    std::size_t count;
    std::size_t members;
};

/// Codes that are stored by inputs, and several tokens: all of the product with the outputs of a
/// task. `room` has floats_of_columns(), aligned to 64 bytes.
void multiply_columns(const Few& few, const ColumnTasks& tasks, std::size_t task, float* room);
std::size_t floats_of_columns(const Few& few, const ColumnTasks& tasks);

}  // namespace octet::model
