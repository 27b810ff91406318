// A read-only mapping of a whole file, and the guard that turns a page that cannot be read (the
// file shrank, the disk failed) into an error instead of the end of the process.
#pragma once

#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <span>

#include "io/file.hpp"

namespace octet::io {

class Mapping {
  public:
    Mapping() = default;
    Mapping(Mapping&& other) noexcept;
    Mapping& operator=(Mapping&& other) noexcept;
    ~Mapping();

    /// Maps the file. Empty when it cannot be mapped (no address space, a file system without
    /// mappings) or is empty.
    static Mapping of(const File& file) noexcept;

    bool is_empty() const noexcept { return size_ == 0; }
    std::uint64_t size() const noexcept { return size_; }
    std::span<const std::byte> bytes(std::uint64_t offset, std::uint64_t size) const {
        return {data_ + offset, size};
    }

    /// True if that range is in the page cache, so that reading it does not wait for the disk.
    /// False when in doubt.
    bool is_cached(std::uint64_t offset, std::uint64_t size) const noexcept;

    /// The same of one page in each 512 KiB, which is quickly asked: most of what is in the page
    /// cache came and goes by more than that.
    bool looks_cached(std::uint64_t offset, std::uint64_t size) const noexcept;

    /// Maps the pages of that range, most of them at least, before anybody needs them. False where
    /// one cannot be read.
    bool populate(std::uint64_t offset, std::uint64_t size) const noexcept;

    /// From now on the system does not note, of pages that leave the process, that they were used,
    /// which takes it a microsecond each, of any size, under a lock that all processors share. When
    /// memory is short it gives them up as if the process had not read them.
    void leave_unmarked() const noexcept;

    /// Takes the pages of that range out of the process again; they stay in the page cache. Rounded
    /// outward, because the system maps more than what was touched.
    void drop(std::uint64_t offset, std::uint64_t size) const noexcept;

  private:
    Mapping(std::byte* data, std::uint64_t size) : data_(data), size_(size) {}

    std::byte* data_ = nullptr;
    std::uint64_t size_ = 0;
};

/// Page faults of the calling thread so far that needed no disk.
std::uint64_t minor_faults() noexcept;

/// Bytes of memory that the machine has; 0 where the system does not say.
std::uint64_t memory_size() noexcept;

namespace detail {
sigjmp_buf*& fault_target() noexcept;
void install_fault_handler() noexcept;
}  // namespace detail

/// Runs `work`, which reads mapped pages and must not own anything (it is left by a jump). False
/// when a page could not be read.
template <typename Work>
bool read_mapped(Work&& work) {
    struct Restore {
        sigjmp_buf* outer;
        ~Restore() { detail::fault_target() = outer; }
    };
    sigjmp_buf target;
    const Restore restore{detail::fault_target()};
    // The mask is saved too: the thread sanitizer blocks every signal while a handler runs.
    if (sigsetjmp(target, 1) != 0) return false;
    detail::fault_target() = &target;
    work();
    return true;
}

}  // namespace octet::io
