// The checksum by pieces of a file, gathered while it is written. Parts that come in order are
// hashed in passing; a piece with a gap in it is hashed from the file afterwards.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "io/file.hpp"
#include "quant/checksum.hpp"

namespace octet::pipeline {

class FileHasher {
  public:
    /// For a file whose bytes before `start` are written already, and `end` is the end of what will
    /// be written through here.
    FileHasher(const io::File& file, std::uint64_t start, std::uint64_t end)
        : file_(&file), next_(start), end_(end) {}

    /// For bytes [start, end) of a file alone, whose pieces are counted from `start` on.
    static FileHasher of_stretch(const io::File& file, std::uint64_t start, std::uint64_t end) {
        FileHasher hasher(file, start, end);
        hasher.origin_ = start;
        return hasher;
    }

    const io::File& file() const noexcept { return *file_; }

    /// Where the next part in order would begin.
    std::uint64_t next() const noexcept { return next_; }

    bool is_complete() const noexcept { return next_ >= end_; }

    /// `bytes` stand at `offset`. kIo when what stands before the first part cannot be read.
    void add(std::uint64_t offset, std::span<const std::byte> bytes);

    /// `size` bytes stand at `offset` that nobody wants hashed.
    void skip(std::uint64_t offset, std::uint64_t size) noexcept { next_ = offset + size; }

    /// The pieces' checksums, in order; empty where the piece was not seen whole.
    std::vector<std::optional<Checksum>> take_pieces();

  private:
    void begin();
    std::uint64_t size() const { return origin_ > 0 ? end_ - origin_ : file_->size(); }
    void end_piece();

    const io::File* file_;
    std::uint64_t next_;
    std::uint64_t end_;
    std::uint64_t origin_ = 0;  ///< what pieces are counted from
    bool has_begun_ = false;
    bool is_whole_ = true;  ///< all of the current piece up to next_ has been hashed
    kernels::HashState state_{};
    std::vector<std::optional<Checksum>> pieces_;
};

}  // namespace octet::pipeline
