// The schemes among which the planner chooses. Pure.
#pragma once

#include <vector>

#include "octet/report.hpp"
#include "octet/scheme.hpp"

namespace octet::plan {

/// Of a float tensor with kind and shape filled in, axes resolved; copying it is one choice more.
/// Never none.
///   two or more dimensions: 2, 3, 4, 5, 6, 8 bits with two levels and a search, in groups of 18,
///     and from 3 bits on of 64
///   the same with fewer than 32 inputs: before these 8 bits for the tensor
///   buffers, such as masks of 0 and 1, of two or more dimensions: 2 or 8 bits for the tensor
///   fewer dimensions: 8 bits for the tensor
std::vector<Scheme> candidate_schemes(const TensorReport& tensor);

/// Inputs of one output of a matrix, or of each matrix of a batch.
std::uint64_t inputs_of(const TensorReport& tensor) noexcept;

}  // namespace octet::plan
