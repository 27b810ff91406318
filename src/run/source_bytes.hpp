// Source bytes that come into memory as they are asked for, so that what reads them first finds them in the cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "io/file.hpp"

namespace octet::run {

using Bytes = std::span<std::byte>;
using ConstBytes = std::span<const std::byte>;

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

}  // namespace octet::run
