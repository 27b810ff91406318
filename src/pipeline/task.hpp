// The one seam between what is done to tensors and who does it: a task does the work of one tensor,
// cut into pieces that any worker may take.
//
// The engine (engine.hpp) owns threads, memory, the order of pieces, cancellation, and which error
// is thrown. A task owns everything it knows about its tensor. It is made small, because a run may
// have a hundred thousand of them; cut() makes what several pieces share, do_piece() what one
// needs. What a task finds out it hands to whoever made it as a value, in finish().
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "io/tuning/large_buffer.hpp"
#include "octet/report.hpp"
#include "pipeline/output_queue.hpp"
#include "pipeline/source_reader.hpp"

namespace octet::pipeline {

/// Consecutive bytes of a file, which outlives the run. Without a file: nothing.
struct Stretch {
    const io::File* file = nullptr;
    std::uint64_t offset = 0;
    std::uint64_t byte_count = 0;

    std::uint64_t end() const noexcept { return offset + byte_count; }
};

/// Checksums of consecutive pieces of quant::kPieceBytes; empty where one was not seen whole.
using PieceChecksums = std::vector<std::optional<Checksum>>;

class TensorTask;

/// Memory beside the workers' own, which pieces of one task may share until the last of them is
/// done. A fixed sum for a whole run.
class SpareMemory {
  public:
    explicit SpareMemory(std::uint64_t byte_count) noexcept : left_(byte_count) {}

    /// Empty where there is not so much left.
    io::LargeBuffer take(std::uint64_t byte_count);
    void give_back(io::LargeBuffer& buffer);

  private:
    std::atomic<std::uint64_t> left_;
};

/// What a worker has in hand for one piece.
class Workspace {
  public:
    Workspace(SourceReader& reader, OutputQueue& output, SpareMemory& spare_memory, Bytes own)
        : spare(spare_memory), memory(own), reader_(reader), output_(output) {}

    SpareMemory& spare;
    Bytes memory;  ///< at least what the task needs

    /// Calls visit(SourceBytes&) with bytes [at, at + size) of the task's source, gone afterwards;
    /// `buffer` holds as many. What `visit` does must not own anything: a page that cannot be read
    /// ends it by a jump. kIo.
    template <typename Visit>
    void visit_source(std::uint64_t at, std::uint64_t size, Bytes buffer, Visit visit) {
        if (!in_memory_.empty()) {
            SourceBytes bytes(in_memory_.subspan(at, size));
            return visit(bytes);
        }
        reader_.visit(*source_.file, source_.offset + at, size, buffer, visit);
    }

    /// The same with visit(first byte), only where these bytes are in memory or mapped: else false,
    /// and nothing is visited.
    template <typename Visit>
    bool visit_mapped(std::uint64_t at, std::uint64_t size, Visit visit) {
        if (in_memory_.empty())
            return reader_.visit_mapped(*source_.file, source_.offset + at, size, memory, visit);
        visit(in_memory_.data() + at);
        return true;
    }

    /// Reads bytes [at, at + buffer.size()) of the task's source. kIo.
    void read_source(std::uint64_t at, Bytes buffer) const;

    /// Where output goes from byte `at` of the task's target on, `size` bytes of it in all. It is
    /// handed in when the next one is opened, or the piece is done.
    OutputStream& open_output(std::uint64_t at, std::uint64_t size);

    /// True once an earlier piece has failed: this one's result will not be used.
    bool is_cancelled() const { return is_cancelled_ && is_cancelled_(); }

    /// So many bytes of the source are through.
    void add_progress(std::uint64_t bytes) noexcept { through += bytes; }

    // For the engine:
    void begin(const TensorTask& task, ConstBytes source_in_memory, OutputStream* shared,
               PieceChecksums* stored);
    void end();
    std::uint64_t through = 0;
    std::function<bool()> is_cancelled_;

  private:
    SourceReader& reader_;
    OutputQueue& output_;
    Stretch source_;
    Stretch target_;
    ConstBytes in_memory_;            ///< all of the source, where several tasks were read together
    OutputStream* shared_ = nullptr;  ///< where several tasks' output is written together
    PieceChecksums* stored_ = nullptr;
    std::optional<OutputStream> own_;
    std::optional<Checksum>* pieces_ = nullptr;  ///< where those of the open output go
};

class TensorTask {
  public:
    /// Both may be of no file. `wants_checksums`: finish() wants those of the target's bytes.
    TensorTask(const Stretch& from, const Stretch& to, bool wants_checksums) noexcept
        : source(from), target(to), makes_checksums(wants_checksums) {}
    TensorTask(const TensorTask&) = delete;
    TensorTask& operator=(const TensorTask&) = delete;
    virtual ~TensorTask() = default;

    const Stretch source;
    const Stretch target;
    const bool makes_checksums;

    /// What is counted as progress; of a task that reads in its own way more than its source.
    virtual std::uint64_t progress_bytes() const { return source.byte_count; }

    /// Bytes of worker memory that its pieces need at least.
    virtual std::uint64_t memory_needed() const { return 0; }

    /// Cuts the work into pieces for workers of that much memory, and says how many. What the
    /// pieces find out must not depend on it.
    virtual std::uint64_t cut(std::uint64_t memory_bytes) = 0;

    /// Does a piece. Pieces are begun in order, those of earlier tasks first; a piece may wait for
    /// earlier ones of its task. An error that it throws ends the run.
    virtual void do_piece(std::uint64_t number, Workspace& workspace) = 0;

    /// The piece was taken, done or not: others may wait for it.
    virtual void settled(std::uint64_t /*number*/) {}

    /// All pieces are done. `stored` are the checksums of the target's pieces as far as they were
    /// seen. Of a task of one piece called from that piece's worker, else from the calling thread,
    /// task by task.
    virtual void finish(PieceChecksums stored) = 0;
};

}  // namespace octet::pipeline
