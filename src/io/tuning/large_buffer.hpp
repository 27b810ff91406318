// Memory for tensor data: in huge pages where the system has them, so that filling it takes few
// page faults. Touched pages only are resident.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace octet::io {

/// Huge pages take few faults to fill, and small ones less memory when little is touched.
enum class Pages : std::uint8_t { kHuge, kSmall };

/// From now on large pieces of memory go back to the system as soon as they are freed, for the
/// whole process, where the C library can: left alone it keeps pieces as large as the largest that
/// was ever freed.
void return_large_pieces() noexcept;

/// From now on the heap grows by 4 MiB at a time and keeps them, and the first of them are one huge
/// page where the system has one: for a run that will soon use 2 MiB, whose 400 page faults take
/// half a millisecond. Once a process. Does what return_large_pieces() does, too.
void grow_in_huge_pages() noexcept;

/// Gives memory that was freed in small pieces back to the system, where the C library can.
void give_back_freed_memory() noexcept;

class LargeBuffer {
  public:
    LargeBuffer() = default;

    /// Uninitialized; aligned to a huge page. Throws std::bad_alloc.
    explicit LargeBuffer(std::uint64_t byte_count, Pages pages = Pages::kHuge);
    LargeBuffer(LargeBuffer&& other) noexcept;
    LargeBuffer& operator=(LargeBuffer&& other) noexcept;
    ~LargeBuffer();

    std::span<std::byte> bytes() const noexcept { return {data_, size_}; }

  private:
    std::byte* data_ = nullptr;
    std::uint64_t size_ = 0;
};

}  // namespace octet::io
