// A product with few tokens on its way: what all its tasks share. Between multiply_few.cpp and multiply_codes.cpp only.
#pragma once

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
    Matrix sums;            ///< of x, by token and group

    std::size_t groups() const { return (x.columns + group - 1) / group; }

    /// One block is all of an output: scale and offset can wait until its sum is there.
    bool is_plain() const { return groups() == 1 && !weight.state.two; }
};

/// One output of codes that are stored by outputs.
void dot_with_codes(const Few& few, std::size_t output);

/// Some outputs of a weight that is stored by inputs; `first` is a multiple of 8.
struct Outputs {
    std::size_t first;
    std::size_t count;
};

/// Codes that are stored by inputs: the products of the inputs `first` .. `first + count` with those outputs, by token and output, into
/// `partial`, which holds zeros. They are whole groups or, where one block is all of an output, any, and then without scale and offset:
/// finish_sums() does that. `room` has as many floats as `partial`, twice.
void add_code_rows(const Few& few, std::size_t first, std::size_t count, const Outputs& outputs, float* partial,
                   float* room);

/// The same where is_plain(), of several tokens, added to few.out.
void add_plain_code_rows(const Few& few, std::size_t first, std::size_t count, const Outputs& outputs);

/// Scale and offset of the sums of those outputs in few.out, where there is one group.
void finish_sums(const Few& few, const Outputs& outputs);

}  // namespace octet::model
