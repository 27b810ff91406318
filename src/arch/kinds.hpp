// What each tensor is for. The last named module says it (arch/words has the words), never an
// ancestor; then shapes, places and neighbours correct the name:
//
//   a tensor with at most one dimension above 1 is a vector, and a vector is never a weight
//   a module with a bias, or of more than two dimensions, is no embedding, and one whose weight is
//     a matrix is no norm
//   a matrix outside of the layers that is shaped like the token embedding is the head; like the
//     head, and without a bias, the
//   embedding where nothing is called so
//   a bare matrix whose name is no weight's is something else, such as A_log
//
// Pure functions of names, shapes and dtypes.
#pragma once

#include <vector>

#include "octet/report.hpp"

namespace octet::arch {

/// Fills in `kind` of all.
void assign_kinds(std::vector<TensorReport>& tensors);

/// Gives the matrices that choose experts Role::kRouter: those of a `router`, and a `gate` beside
/// `experts`. Kinds are filled in.
void find_routers(std::vector<TensorReport>& tensors);

}  // namespace octet::arch
