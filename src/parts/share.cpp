// A tensor belongs to the part in whose bytes its middle lies.
#include "parts/share.hpp"

#include <numeric>

namespace octet::parts {
namespace {

/// How many tensors have their middle before `limit`.
std::size_t tensors_before(const std::vector<std::uint64_t>& byte_counts, std::uint64_t limit) {
    std::uint64_t begin = 0;
    for (std::size_t i = 0; i < byte_counts.size(); ++i) {
        if (begin + byte_counts[i] / 2 >= limit) return i;
        begin += byte_counts[i];
    }
    return byte_counts.size();
}

}  // namespace

std::pair<std::size_t, std::size_t> share_of(const std::vector<std::uint64_t>& byte_counts,
                                             const Part& part) {
    const std::uint64_t total =  // of files that are there: no overflow
        std::accumulate(byte_counts.begin(), byte_counts.end(), std::uint64_t{0});
    const auto limit_of = [&](std::uint64_t parts) {
        return total / part.count * parts + total % part.count * parts / part.count;
    };
    const std::size_t first = tensors_before(byte_counts, limit_of(part.number - 1));
    if (part.number == part.count) return {first, byte_counts.size()};
    return {first, tensors_before(byte_counts, limit_of(part.number))};
}

}  // namespace octet::parts
