// How source bytes come into memory: through a mapping, or by pread into the worker's own. Which is
// faster depends on the processor and on how the page cache holds the file: in large folios, in
// single pages, or not at all (docs/performance.md). So a few pieces are read both ways and timed
// before the work begins. The result never depends on the choice.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>

#include "io/file.hpp"
#include "io/mapping.hpp"
#include "io/tuning/used_pages.hpp"

namespace octet::pipeline {

using Bytes = std::span<std::byte>;
using ConstBytes = std::span<const std::byte>;

/// Source bytes that come into memory as they are asked for, so that what reads them first finds
/// them in the cache.
class SourceBytes {
  public:
    /// All there.
    explicit SourceBytes(ConstBytes bytes) noexcept : bytes_(bytes) {}

    /// To be read from `offset` of `file` on.
    SourceBytes(const io::File& file, std::uint64_t offset, Bytes buffer) noexcept
        : bytes_(buffer), file_(&file), offset_(offset), buffer_(buffer) {}

    std::uint64_t size() const noexcept { return bytes_.size(); }

    /// Bytes [at, at + size). kIo.
    ConstBytes part(std::uint64_t at, std::uint64_t size) {
        if (file_ != nullptr && at + size > there_) read_up_to(at + size);
        return bytes_.subspan(at, size);
    }

  private:
    void read_up_to(std::uint64_t end);

    ConstBytes bytes_;
    const io::File* file_ = nullptr;
    std::uint64_t offset_ = 0;
    Bytes buffer_;
    std::uint64_t there_ = 0;
};

/// Mapped bytes that have been gone through and are still in memory.
inline constexpr std::uint64_t kMostUsedBytes = 8U << 20U;

class SourceReader {
  public:
    /// For these files, each of which may stand there more than once, on that many workers.
    /// OCTET_READER=mapped|pread forces one of the two.
    SourceReader(std::span<const io::File* const> files, unsigned workers);

    /// Calls visit(SourceBytes&) with bytes [offset, offset + size) of `file`, which are gone
    /// afterwards. `buffer` holds `size` bytes. `visit` must not own anything while it reads, and
    /// must not hand these bytes to the system. kIo when they cannot be read.
    template <typename Visit>
    void visit(const io::File& file, std::uint64_t offset, std::uint64_t size, Bytes buffer,
               Visit visit) {
        const io::Mapping* const mapping = mapping_for(file, size);
        if (mapping == nullptr) {
            SourceBytes source(file, offset, buffer.first(size));
            return visit(source);
        }
        SourceBytes source(mapping->bytes(offset, size));
        const bool readable = io::read_mapped([&] { visit(source); });
        // Where a file was cut, the rest of its last page reads as zeros and faults nobody.
        if (!readable || file.current_size() < offset + size)
            explain_fault(file, offset, size, buffer);
        used_.add(*mapping, offset, size);
    }

    /// The same with visit(first byte), only where these bytes are mapped: else false, and nothing
    /// is visited. `buffer` may hold fewer.
    template <typename Visit>
    bool visit_mapped(const io::File& file, std::uint64_t offset, std::uint64_t size, Bytes buffer,
                      Visit visit) {
        const io::Mapping* const mapping = mapping_for(file, size);
        if (mapping == nullptr) return false;
        const ConstBytes bytes = mapping->bytes(offset, size);
        const bool readable = io::read_mapped([&] { visit(bytes.data()); });
        if (!readable || file.current_size() < offset + size)
            explain_fault(file, offset, size, buffer);
        used_.add(*mapping, offset, size);
        return true;
    }

    /// True if most bytes come through mappings, so that little of the buffers is used.
    bool maps() const noexcept { return maps_; }

  private:
    const io::Mapping* mapping_for(const io::File& file, std::uint64_t size) const;
    [[noreturn]] static void explain_fault(const io::File& file, std::uint64_t offset,
                                           std::uint64_t size, Bytes buffer);

    bool maps_ = false;
    std::unordered_map<const io::File*, io::Mapping> mappings_;
    io::UsedPages used_{kMostUsedBytes};
};

}  // namespace octet::pipeline
