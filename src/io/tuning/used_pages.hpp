// Pages of mappings that have been gone through and are to be taken out again. Many at a time: each
// call interrupts every processor that runs a thread of this process.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "io/mapping.hpp"

namespace octet::io {

/// For any number of threads. What still waits in the end goes with its mapping.
class UsedPages {
  public:
    /// Bytes that may wait, over all threads.
    explicit UsedPages(std::uint64_t most_bytes) : most_bytes_(most_bytes) {}

    /// Nobody needs bytes [offset, offset + size) of `mapping` any more, which outlives this.
    void add(const Mapping& mapping, std::uint64_t offset, std::uint64_t size);

  private:
    struct Range {
        const Mapping* mapping;
        std::uint64_t begin;
        std::uint64_t end;
    };

    std::uint64_t most_bytes_;
    std::mutex mutex_;
    std::vector<Range> waiting_;
    std::uint64_t waiting_bytes_ = 0;
};

}  // namespace octet::io
