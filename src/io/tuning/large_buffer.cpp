// Large buffers begin at the border of a huge page and ask for huge pages or for none. The rest are
// the heap's settings: when freed memory goes back to the system, and how the heap of a running
// model comes to lie in huge pages.
#include "io/tuning/large_buffer.hpp"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
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

// The system gives a huge page only where one fits: what malloc would hand out before the border of
// the next is taken, and never touched.
void grow_in_huge_pages() noexcept {
#ifdef __GLIBC__
    constexpr std::uintptr_t kHugePage = 2U << 20U;
    constexpr std::uintptr_t kLeast = 4096;
    static std::array<void*, 8> taken{};
    if (taken[0] != nullptr) return;
    return_large_pieces();
    ::mallopt(M_TOP_PAD, static_cast<int>(2 * kHugePage));
    const auto heap_end = [] { return reinterpret_cast<std::uintptr_t>(::sbrk(0)); };
    const std::uintptr_t border = (heap_end() / kHugePage + 1) * kHugePage;
    std::size_t size = kLeast;
    for (void*& piece : taken) {
        piece = std::malloc(size);
        const std::uintptr_t at = reinterpret_cast<std::uintptr_t>(piece) + size;
        if (piece == nullptr || at + kLeast > border) break;
        size =
            std::min(border - at, kHugePage / 4) - kLeast / 64;  // too small to be mapped by itself
    }
    const std::uintptr_t end = heap_end() / kHugePage * kHugePage;
    if (end > border) ::madvise(reinterpret_cast<void*>(border), end - border, MADV_HUGEPAGE);
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
    ::madvise(data_, whole,
              huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);  // a wish: without it the memory is as good
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
