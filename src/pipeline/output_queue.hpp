// The way of finished output to its files. Workers fill chunks of memory and hand them in; one
// worker at a time writes what has been handed in, in file order, while the others go on working: a
// file takes one writer at a time anyway, and waiting for it would cost every other worker its
// processor. What is written in order is hashed in passing.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "io/file.hpp"
#include "io/tuning/large_buffer.hpp"
#include "pipeline/file_hasher.hpp"

namespace octet::pipeline {

/// Bytes of one chunk where output is hashed, so that it is still in a cache when it is written;
/// and where writing is most of the work, which larger writes make cheaper
/// (docs/experiments/quantize.md has what was tried).
inline constexpr std::uint64_t kHashedChunkBytes = 1U << 20U;
inline constexpr std::uint64_t kPlainChunkBytes = 2U << 20U;

class OutputQueue {
  public:
    /// For these files, which are hashed in passing if `hashes`, with `memory_bytes` (at least
    /// kPlainChunkBytes) for chunks, in such pages.
    OutputQueue(std::vector<FileHasher> files, bool hashes, std::uint64_t memory_bytes,
                io::Pages pages = io::Pages::kHuge);

    /// The pieces of `byte_count` bytes from `offset` of `file` on, counted from there, are hashed
    /// too, if they come in order: those of a tensor that several workers make. Before the first
    /// chunk, in file order; returns the number to take them by.
    std::size_t hash_stretch(const io::File& file, std::uint64_t offset, std::uint64_t byte_count);

    /// Checksums of its pieces, empty where one was not seen whole. After finish().
    std::vector<std::optional<Checksum>> take_stretch(std::size_t number) noexcept {
        return std::move(stretches_[number].pieces);
    }

    std::uint64_t chunk_bytes() const noexcept { return chunk_bytes_; }

    /// An empty chunk; writes what waits, or waits for others to write it, when there is none. kIo.
    std::byte* take();

    /// Gives back a chunk that is not wanted.
    void give_back(std::byte* chunk) noexcept;

    /// The first `size` bytes of `chunk` belong at `offset` of `file`; `has_hash`: the stretch
    /// there needs none of them. Usually returns at once; kIo when this or another chunk cannot be
    /// written.
    void put(std::byte* chunk, std::uint64_t size, const io::File& file, std::uint64_t offset,
             bool has_hash = false);

    /// Writes what still waits. kIo.
    void finish();

    /// Checksums of the pieces that were written in order, a file each.
    std::vector<FileHasher> take_hashers() noexcept { return std::move(hashers_); }

  private:
    struct Waiting {
        std::size_t file;  ///< index into hashers_
        std::uint64_t offset;
        std::uint64_t size;
        std::byte* chunk;
        bool has_hash;
    };

    struct Stretch {
        std::size_t file;
        std::uint64_t begin;
        std::uint64_t end;
        std::vector<std::optional<Checksum>> pieces;
    };

    void hash(const Waiting& one);
    void end_stretch();
    void write_waiting(std::unique_lock<std::mutex>& lock, bool out_of_order);
    bool is_next(const Waiting& waiting) noexcept;
    std::size_t number_of(const io::File& file) const noexcept;

    io::LargeBuffer memory_;
    std::mutex mutex_;
    std::condition_variable changed_;  ///< a chunk was freed or handed in
    std::vector<std::byte*> free_;
    std::vector<Waiting> waiting_;     ///< in file order
    std::vector<FileHasher> hashers_;  ///< touched by the writer only
    std::vector<Stretch> stretches_;   ///< in file order
    std::optional<FileHasher> stretch_hasher_;
    Stretch* stretch_ = nullptr;  ///< that is being hashed
    std::size_t current_ = 0;     ///< the file that is being written
    bool hashes_;
    std::uint64_t chunk_bytes_;
    bool is_writing_ = false;  ///< some worker is the writer
};

/// Output of one step: consecutive bytes from `offset` of `file` on, through as many chunks as they
/// need. Hashes them where it is asked to, while they are in the cache.
class OutputStream {
  public:
    OutputStream(OutputQueue& queue, const io::File* file, std::uint64_t offset) noexcept
        : queue_(queue), file_(file), offset_(offset) {}
    OutputStream(const OutputStream&) = delete;
    OutputStream& operator=(const OutputStream&) = delete;
    ~OutputStream();

    /// Room for the next `size` bytes, at most a chunk; valid until the next call. kIo.
    std::span<std::byte> next(std::uint64_t size);

    /// What follows is hashed, piece by piece.
    void begin_hash();

    /// Puts the checksums of the pieces since begin_hash() to `pieces`, one behind the other; what
    /// follows is not hashed.
    void end_hash(std::optional<Checksum>* pieces);

    /// What follows stands at `offset`, to which somebody else may have written.
    void go_on_at(std::uint64_t offset);

    /// Hands in what has been filled. Without it nothing of the last chunk is written.
    void finish();

  private:
    void hash_filled();

    OutputQueue& queue_;
    const io::File* file_;
    std::uint64_t offset_;  ///< of the chunk's first byte
    std::byte* chunk_ = nullptr;
    std::uint64_t filled_ = 0;
    std::uint64_t hashed_ = 0;  ///< of `filled_`
    std::optional<quant::PieceHasher> hasher_;
};

}  // namespace octet::pipeline
