#include "io/large_buffer.hpp"

#include <sys/mman.h>

#include <cstdlib>
#include <new>
#include <utility>

namespace octet::io {

LargeBuffer::LargeBuffer(std::uint64_t byte_count, Pages pages) : size_(byte_count) {
    constexpr std::uint64_t kHugePage = 2U << 20U;
    const std::uint64_t whole = (byte_count + kHugePage - 1) / kHugePage * kHugePage;
    data_ = static_cast<std::byte*>(std::aligned_alloc(kHugePage, whole));
    if (data_ == nullptr) throw std::bad_alloc();
    // A wish; without huge pages the memory is as good, only slower to touch.
    ::madvise(data_, whole, pages == Pages::kHuge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

LargeBuffer::LargeBuffer(LargeBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

LargeBuffer& LargeBuffer::operator=(LargeBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

LargeBuffer::~LargeBuffer() {
    std::free(data_);
}

}  // namespace octet::io
