// Which tensors of two checkpoints belong together, and what differs between them as a reader of a
// report wants to know it: names that are on one side only, dtypes, shapes, and bytes of tensors
// that are no floats. The figures of floats are codecs/compare_figures.
//
// A tensor belongs to the one of the same name. Two of one shape are compared as floats where both
// are floats or codes, byte for byte where both are stored as they are and of one size, and not at
// all otherwise. All lists are in A's order.
#pragma once

#include <string>
#include <vector>

#include "codecs/compare.hpp"
#include "octet/compare.hpp"

namespace octet::codecs {

/// A pair, and what is known to differ before its data are read.
struct Candidate {
    TensorPair pair;
    std::string what;
    bool has_data = true;  ///< of one shape, so that the data can be compared
};

/// Of a pair that is compared byte for byte: how many differ, and the first that does.
struct DifferentBytes {
    std::uint64_t count = 0;
    std::uint64_t first = 0;
};

/// Who is on both sides, in A's order.
struct Matches {
    std::vector<TensorPair> pairs;  ///< whose data can be compared
    std::vector<Candidate>
        remarkable;  ///< those among them that differ already, and all others of one name
};

/// Pairs up the tensors whose names match the pattern `tensors`, or all if it is empty; fills in
/// what the report says is missing from B, and extra in B. kUsage where the pattern matches
/// nothing.
Matches match_tensors(const formats::FloatSource& a, const formats::FloatSource& b,
                      const std::string& tensors, CompareReport& report);

/// Fills in what the report says has changed; `bytes` are parallel to the pairs.
void add_changes(const formats::FloatSource& a, const formats::FloatSource& b,
                 const Matches& matches, const std::vector<DifferentBytes>& bytes,
                 CompareReport& report);

}  // namespace octet::codecs
