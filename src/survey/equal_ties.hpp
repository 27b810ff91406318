// Tied tensors that need not be stored twice: an embedding and a head, say, of which a family knows
// that they may be one, of the same file, with the same scheme and the same bytes. Bytes are
// compared before anything is laid out, as the layout depends on it.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet::survey {

/// For each tensor the number of the other one with which it is stored, where there is one. Reads
/// both of each pair that headers and options allow. kIo, kInterrupted.
std::vector<std::optional<std::uint32_t>> equal_ties(const checkpoint::Checkpoint& checkpoint,
                                                     const std::vector<TensorReport>& tensors,
                                                     const WriteOptions& options);

/// A tensor, and the other one with which it is stored.
using Tie = std::pair<std::uint32_t, std::uint32_t>;

/// The same as pairs, in the order of the tensors.
std::vector<Tie> find_ties(const checkpoint::Checkpoint& checkpoint,
                           const std::vector<TensorReport>& tensors, const WriteOptions& options);

/// Marks these (TensorReport::same_as).
void tie(const std::vector<Tie>& ties, std::vector<TensorReport>& tensors);

/// Finds and marks them.
void tie_equal(const checkpoint::Checkpoint& checkpoint, std::vector<TensorReport>& tensors,
               const WriteOptions& options);

/// True if tie_equal() would have to read data.
bool may_tie(const checkpoint::Checkpoint& checkpoint, const std::vector<TensorReport>& tensors);

}  // namespace octet::survey
