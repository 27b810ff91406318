#include "run/source_bytes.hpp"

#include <algorithm>

namespace octet::run {
namespace {

/// Bytes that one system call brings at least: they stay in the second-level cache until they are used.
constexpr std::uint64_t kLeastReadBytes = 256U << 10U;

}  // namespace

void SourceBytes::read_up_to(std::uint64_t end) {
    const std::uint64_t stop = std::min(bytes_.size(), std::max(end, there_ + kLeastReadBytes));
    file_->read_at(buffer_.subspan(there_, stop - there_), offset_ + there_);
    there_ = stop;
}

}  // namespace octet::run
