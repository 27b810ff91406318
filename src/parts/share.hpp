// Which tensors are whose: consecutive ones, so that the parts have about as many bytes of source.
// Follows from sizes alone, so every machine cuts alike.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "octet/parts.hpp"

namespace octet::parts {

/// The tensors [first, end) of a part, by the bytes of all of them. The parts together have each
/// tensor once.
std::pair<std::size_t, std::size_t> share_of(const std::vector<std::uint64_t>& byte_counts,
                                             const Part& part);

}  // namespace octet::parts
