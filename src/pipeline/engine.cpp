// One loop for every kind of task: small neighbours are taken together, each step reads its source,
// does its piece and hands over its output; tasks are finished, in order, by whoever does their
// last piece.
#include "pipeline/engine.hpp"

#include <algorithm>
#include <utility>

#include "base/checked.hpp"
#include "pipeline/workers.hpp"

namespace octet::pipeline {
namespace {

/// Of kBufferBytes, what finished output waits in.
constexpr std::uint64_t kChunkMemoryBytes = 10U << 20U;

/// Small tasks are taken together up to this many bytes, so that no worker is left with a long last
/// step.
constexpr std::uint64_t kBatchBytes = 128U << 10U;

/// Beside kBufferBytes, what tasks of several pieces keep until their last piece.
constexpr std::uint64_t kSpareBytes = 5U << 20U;

/// From here on huge pages pay.
constexpr std::uint64_t kLargeBytes = 4U << 20U;

bool has_large(const Tasks& tasks) {
    return std::any_of(tasks.begin(), tasks.end(),
                       [](const auto& task) { return task->source.byte_count >= kLargeBytes; });
}

bool any_makes_checksums(const Tasks& tasks) {
    return std::any_of(tasks.begin(), tasks.end(),
                       [](const auto& task) { return task->makes_checksums; });
}

/// The different files that are read.
std::vector<const io::File*> sources_of(const Tasks& tasks) {
    std::vector<const io::File*> files;
    for (const auto& task : tasks) {
        const io::File* const file = task->source.file;
        if (file != nullptr && (files.empty() || files.back() != file)) files.push_back(file);
    }
    return files;
}

/// The files that are written, in order.
std::vector<FileHasher> targets_of(const Tasks& tasks) {
    std::vector<FileHasher> files;
    for (std::size_t i = 0; i < tasks.size();) {
        const Stretch& first = tasks[i]->target;
        std::uint64_t end = first.offset;
        for (; i < tasks.size() && tasks[i]->target.file == first.file; ++i)
            end = std::max(end, tasks[i]->target.end());
        if (first.file != nullptr) files.emplace_back(*first.file, first.offset, end);
    }
    return files;
}

std::uint64_t progress_bytes(const Tasks& tasks) {
    std::uint64_t total = 0;
    for (const auto& task : tasks) total += task->progress_bytes();
    return total;
}

/// So many workers that each has the memory which the tasks need: what those do in it does not
/// depend on the number.
unsigned fitting_workers(const Tasks& tasks, unsigned workers) {
    std::uint64_t needed = 1;
    for (const auto& task : tasks) needed = std::max(needed, task->memory_needed());
    const std::uint64_t fitting = (kBufferBytes - kChunkMemoryBytes) / (needed + kBatchBytes);
    return static_cast<unsigned>(std::clamp<std::uint64_t>(fitting, 1, workers));
}

/// `next` lies directly behind `task` in both files.
bool continues(const TensorTask& task, const TensorTask& next) {
    return next.source.file == task.source.file && next.source.offset == task.source.end() &&
           next.target.file == task.target.file &&
           (next.target.file == nullptr || next.target.offset == task.target.end());
}

std::uint64_t bytes_of(const TensorTask& task) {
    return task.source.byte_count + task.target.byte_count;
}

bool is_small(const TensorTask& task) {
    return task.source.file != nullptr && bytes_of(task) <= kBatchBytes;
}

/// What a worker takes in one go: a piece of a task, or some small tasks.
struct Step {
    std::uint32_t first = 0;  ///< task
    std::uint32_t tasks = 1;
    std::uint64_t piece = 0;
};

/// What the engine knows of a task of several pieces.
struct Several {
    PieceChecksums stored;               ///< of pieces that one worker made whole
    std::optional<std::size_t> stretch;  ///< in the output queue, which sees the others
};

class Engine {
  public:
    Engine(Tasks& tasks, unsigned workers, const WriteOptions& options)
        : tasks_(tasks),
          reader_(sources_of(tasks), workers),
          workers_(fitting_workers(tasks, workers), options.stop_requested,
                   kBufferBytes - kChunkMemoryBytes,
                   has_large(tasks) && !reader_.maps() ? io::Pages::kHuge : io::Pages::kSmall),
          output_(targets_of(tasks), any_makes_checksums(tasks), kChunkMemoryBytes,
                  has_large(tasks) ? io::Pages::kHuge : io::Pages::kSmall),
          progress_(options.progress, progress_bytes(tasks)) {
        cut();
    }

    std::vector<FileHasher> run() {
        workers_.run(
            steps_.size(), [this](std::uint64_t number, Bytes memory) { do_step(number, memory); },
            [this](std::uint64_t number) {
                const Step& step = steps_[number];
                if (tasks_[step.first]) tasks_[step.first]->settled(step.piece);
            });
        output_.finish();
        for (auto& [task, several] : several_) finish(task, several);
        progress_.finish();
        return output_.take_hashers();
    }

  private:
    void cut() {
        const std::uint64_t memory =
            workers_.memory_bytes() - std::min(workers_.memory_bytes() / 2, kBatchBytes);
        std::uint64_t batched = 0;
        for (std::uint32_t i = 0; i < tasks_.size(); ++i) {
            TensorTask& task = *tasks_[i];
            const std::uint64_t pieces = task.cut(memory);
            const bool joins = pieces == 1 && is_small(task) && batched > 0 &&
                               batched + bytes_of(task) <= kBatchBytes &&
                               continues(*tasks_[i - 1], task);
            if (joins) {
                batched += bytes_of(task);
                ++steps_.back().tasks;
                continue;
            }
            batched =
                pieces == 1 && is_small(task) ? std::max<std::uint64_t>(bytes_of(task), 1) : 0;
            for (std::uint64_t piece = 0; piece < pieces; ++piece) steps_.push_back({i, 1, piece});
            if (pieces != 1) add_several(i);
        }
    }

    void add_several(std::uint32_t number) {
        const TensorTask& task = *tasks_[number];
        Several several;
        if (task.makes_checksums && task.target.byte_count > 0) {
            several.stored.resize(divide_up(task.target.byte_count, quant::kPieceBytes));
            several.stretch =
                output_.hash_stretch(*task.target.file, task.target.offset, task.target.byte_count);
        }
        several_.emplace_back(number, std::move(several));
    }

    void do_step(std::uint64_t number, Bytes memory) {
        const Step& step = steps_[number];
        Workspace workspace(reader_, output_, spare_, memory);
        workspace.is_cancelled_ = [this, number] { return workers_.is_futile(number); };
        if (step.tasks > 1) {
            do_batch(step, workspace);
        } else {
            do_piece(step, workspace);
        }
        progress_.add(workspace.through);
    }

    void do_piece(const Step& step, Workspace& workspace) {
        TensorTask& task = *tasks_[step.first];
        const auto found = std::lower_bound(
            several_.begin(), several_.end(), step.first,
            [](const auto& one, std::uint32_t number) { return one.first < number; });
        if (found != several_.end() && found->first == step.first) {
            workspace.begin(task, {}, nullptr, &found->second.stored);
            task.do_piece(step.piece, workspace);
            return workspace.end();
        }
        do_only_piece(step.first, {}, nullptr, workspace);
    }

    void do_only_piece(std::uint32_t number, ConstBytes source, OutputStream* shared,
                       Workspace& workspace) {
        TensorTask& task = *tasks_[number];
        PieceChecksums stored(
            task.makes_checksums ? divide_up(task.target.byte_count, quant::kPieceBytes) : 0);
        workspace.begin(task, source, shared, &stored);
        task.do_piece(0, workspace);
        workspace.end();
        task.finish(std::move(stored));
        tasks_[number].reset();
    }

    void do_batch(const Step& step, Workspace& workspace) {
        const TensorTask& front = *tasks_[step.first];
        const TensorTask& back = *tasks_[step.first + step.tasks - 1];
        const std::uint64_t size = back.source.end() - front.source.offset;
        const Bytes all = workspace.memory.first(size);
        front.source.file->read_at(all, front.source.offset);
        workspace.memory = workspace.memory.subspan(divide_up(size, 64) * 64);
        std::optional<OutputStream> stream;
        if (front.target.file != nullptr)
            stream.emplace(output_, front.target.file, front.target.offset);
        std::uint64_t at = 0;
        for (std::uint32_t i = step.first; i < step.first + step.tasks; ++i) {
            const std::uint64_t source_bytes = tasks_[i]->source.byte_count;
            const std::uint64_t target_end = tasks_[i]->target.end();
            do_only_piece(i, ConstBytes(all).subspan(at, source_bytes), stream ? &*stream : nullptr,
                          workspace);
            if (stream)
                stream->go_on_at(
                    target_end);  // what does not come in order was written at its place
            at += source_bytes;
        }
        if (stream) stream->finish();
    }

    void finish(std::uint32_t number, Several& several) {
        if (several.stretch) {
            PieceChecksums seen = output_.take_stretch(*several.stretch);
            for (std::size_t i = 0; i < seen.size(); ++i) {
                if (!several.stored[i]) several.stored[i] = seen[i];
            }
        }
        tasks_[number]->finish(std::move(several.stored));
        tasks_[number].reset();
    }

    Tasks& tasks_;
    SourceReader reader_;
    Workers workers_;
    OutputQueue output_;
    SpareMemory spare_{kSpareBytes};
    std::vector<Step> steps_;
    std::vector<std::pair<std::uint32_t, Several>> several_;  // in order of their tasks
    ProgressMeter progress_;
};

}  // namespace

io::LargeBuffer SpareMemory::take(std::uint64_t byte_count) {
    std::uint64_t left = left_;
    while (left >= byte_count) {
        if (left_.compare_exchange_weak(left, left - byte_count))
            return io::LargeBuffer(byte_count, io::Pages::kSmall);
    }
    return {};
}

void SpareMemory::give_back(io::LargeBuffer& buffer) {
    const std::uint64_t size = buffer.bytes().size();
    buffer = {};
    left_ += size;
}

void Workspace::begin(const TensorTask& task, ConstBytes source_in_memory, OutputStream* shared,
                      PieceChecksums* stored) {
    source_ = task.source;
    target_ = task.target;
    in_memory_ = source_in_memory;
    shared_ = shared;
    stored_ = task.makes_checksums ? stored : nullptr;
}

void Workspace::end() {
    OutputStream* const output = shared_ != nullptr ? shared_ : own_ ? &*own_ : nullptr;
    if (output == nullptr) return;
    if (pieces_ != nullptr) output->end_hash(std::exchange(pieces_, nullptr));
    if (own_) own_->finish();
    own_.reset();
}

void Workspace::read_source(std::uint64_t at, Bytes buffer) const {
    if (in_memory_.empty()) return source_.file->read_at(buffer, source_.offset + at);
    std::copy_n(in_memory_.begin() + static_cast<std::ptrdiff_t>(at), buffer.size(),
                buffer.begin());
}

OutputStream& Workspace::open_output(std::uint64_t at, std::uint64_t size) {
    // Whole pieces are hashed while they are made; others when they are written.
    const bool is_whole = at % quant::kPieceBytes == 0 &&
                          (size % quant::kPieceBytes == 0 || at + size == target_.byte_count);
    if (own_) end();
    if (shared_ == nullptr) own_.emplace(output_, target_.file, target_.offset + at);
    OutputStream& output = shared_ != nullptr ? *shared_ : *own_;
    if (stored_ == nullptr || stored_->empty() || !is_whole) return output;
    pieces_ = stored_->data() + at / quant::kPieceBytes;
    output.begin_hash();
    return output;
}

std::vector<FileHasher> run_tasks(Tasks& tasks, const WriteOptions& options) {
    return Engine(tasks, worker_count(options.threads), options).run();
}

}  // namespace octet::pipeline
