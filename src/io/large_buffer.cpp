#include "io/large_buffer.hpp"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdlib>
#include <new>
#include <utility>

namespace octet::io {

void return_large_pieces() noexcept {
#ifdef __GLIBC__
    ::mallopt(M_MMAP_THRESHOLD, 1 << 20);  // also ends its growth
    ::mallopt(M_TRIM_THRESHOLD, 1 << 20);
#endif
}

void give_back_freed_memory() noexcept {
#ifdef __GLIBC__
    ::malloc_trim(0);
#endif
}

LargeBuffer::LargeBuffer(std::uint64_t byte_count, Pages pages) : size_(byte_count) {
    constexpr std::uint64_t kHugePage = 2U << 20U;
    // The last huge page is used in part only, which a small buffer cannot afford.
    const bool huge = pages == Pages::kHuge && byte_count >= 2 * kHugePage;
    const std::uint64_t alignment = huge ? kHugePage : 4096;
    const std::uint64_t whole = (byte_count + alignment - 1) / alignment * alignment;
    data_ = static_cast<std::byte*>(std::aligned_alloc(alignment, whole));
    if (data_ == nullptr) throw std::bad_alloc();
    ::madvise(data_, whole, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);  // a wish: without it the memory is as good
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
