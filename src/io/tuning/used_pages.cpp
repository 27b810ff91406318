// Ranges are collected, sorted, joined and given back by one madvise each.
#include "io/tuning/used_pages.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace octet::io {

void UsedPages::add(const Mapping& mapping, std::uint64_t offset, std::uint64_t size) {
    std::vector<Range> ranges;
    {
        const std::lock_guard lock(mutex_);
        waiting_.push_back({&mapping, offset, offset + size});
        waiting_bytes_ += size;
        if (waiting_bytes_ < most_bytes_) return;
        ranges = std::exchange(waiting_, {});
        waiting_bytes_ = 0;
    }
    std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) {
        return std::tie(a.mapping, a.begin) < std::tie(b.mapping, b.begin);
    });
    // What stands between two of them was too small to be mapped, or another worker will map it
    // again.
    constexpr std::uint64_t kGap = 1U << 20U;
    for (std::size_t i = 0; i < ranges.size();) {
        Range all = ranges[i++];
        for (; i < ranges.size() && ranges[i].mapping == all.mapping &&
               ranges[i].begin <= all.end + kGap;
             ++i)
            all.end = std::max(all.end, ranges[i].end);
        all.mapping->drop(all.begin, all.end - all.begin);
    }
}

}  // namespace octet::io
