// The data of two checkpoints held against each other, tile by tile on any number of threads.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "octet/options.hpp"
#include "quant/difference.hpp"
#include "run/float_source.hpp"

namespace octet::run {

/// Two tensors of one shape.
struct TensorPair {
    std::size_t a = 0;  ///< place in A's tensors()
    std::size_t b = 0;
    bool as_bytes = false;  ///< compared byte for byte, both being of one size; else as floats
    double scale = 0;       ///< of the codes; 0 where there is none
};

/// What was found out about a pair.
struct PairResult {
    quant::DifferenceSums sums;      ///< of floats
    std::uint64_t bytes_differ = 0;  ///< of bytes: how many do
    std::uint64_t first_byte = 0;    ///< of bytes: the first that does
};

/// Calls take(number, result) once for every pair, in any order and from any worker. Memory is bounded; the results do not depend on the number of
/// workers. kIo, kInterrupted.
void compare_data(const FloatSource& a, const FloatSource& b, const std::vector<TensorPair>& pairs,
                  const std::function<void(std::size_t, const PairResult&)>& take, const ReadOptions& options);

}  // namespace octet::run
