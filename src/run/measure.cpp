#include "run/measure.hpp"

#include <deque>

#include "run/engine.hpp"
#include "run/workers.hpp"

namespace octet::run {
namespace {

/// Jobs of one run: what is remembered of each until its end is small, but not nothing.
constexpr std::size_t kMostJobs = 1024;

/// The tensors from `first` on that are measured in one run.
struct Part {
    std::size_t first = 0;
    std::size_t count = 0;
};

class Measuring {
  public:
    Measuring(const checkpoint::Checkpoint& checkpoint, const std::vector<TensorReport>& tensors,
              const plan::SchemeLists& schemes, const Importance* importance, const WriteOptions& options,
              const OnMeasured& on_measured)
        : checkpoint_(checkpoint),
          tensors_(tensors),
          schemes_(schemes),
          importance_(importance),
          options_(options),
          on_measured_(on_measured) {
        for (std::size_t i = 0; i < tensors.size(); ++i)
            total_bytes_ += checkpoint.tensors[i].byte_count * schemes[i].size();
    }

    void run() {
        for (Part part = next({}); part.count > 0; part = next(part)) run_part(part);
    }

  private:
    Part next(const Part& before) const {
        Part part{before.first + before.count, 0};
        std::size_t jobs = 0;
        while (part.first + part.count < tensors_.size() && jobs < kMostJobs)
            jobs += schemes_[part.first + part.count++].size();
        return part;
    }

    void run_part(const Part& part) {
        std::vector<TensorJob> jobs;
        std::deque<BlockJob> blocks;
        std::uint64_t bytes = 0;
        for (std::size_t i = part.first; i < part.first + part.count; ++i) {
            for (const Scheme& scheme : schemes_[i]) add_job(i, scheme, jobs, blocks);
            bytes += checkpoint_.tensors[i].byte_count * schemes_[i].size();
        }
        WriteOptions options = options_;
        options.progress = part_of(options_.progress, done_bytes_, total_bytes_);
        run_jobs(jobs, options);
        done_bytes_ += bytes;
        auto job = jobs.begin();
        for (std::size_t i = part.first; i < part.first + part.count; ++i) {
            for (std::size_t k = 0; k < schemes_[i].size(); ++k, ++job)
                on_measured_(i, quant::tensor_statistics(job->sums, job->block->elements, job->block->bound),
                             job->sums.signal);
        }
    }

    void add_job(std::size_t number, const Scheme& scheme, std::vector<TensorJob>& jobs,
                 std::deque<BlockJob>& blocks) const {
        const checkpoint::Tensor& source = checkpoint_.tensors[number];
        TensorJob job;
        job.codec = Codec::kMeasureBlocks;
        job.source = &checkpoint_.shards[source.shard].file;
        job.source_offset = source.offset;
        job.source_dtype = source.dtype;
        job.elements = source.byte_count * 8 / dtype_bits(source.dtype);
        job.name = source.name;
        job.shape = &source.shape;
        blocks.push_back({scheme, job.elements, {}, 0});
        if (importance_ != nullptr) {
            TensorReport as_it_would_be = tensors_[number];
            as_it_would_be.scheme = scheme;
            blocks.back().make_extra().weights = importance_->weights_of(as_it_would_be);
        }
        job.block = &blocks.back();
        jobs.push_back(job);
    }

    const checkpoint::Checkpoint& checkpoint_;
    const std::vector<TensorReport>& tensors_;
    const plan::SchemeLists& schemes_;
    const Importance* importance_;
    const WriteOptions& options_;
    const OnMeasured& on_measured_;
    std::uint64_t total_bytes_ = 0;
    std::uint64_t done_bytes_ = 0;
};

}  // namespace

void measure(const checkpoint::Checkpoint& checkpoint, const std::vector<TensorReport>& tensors,
             const plan::SchemeLists& schemes, const Importance* importance, const WriteOptions& options,
             const OnMeasured& on_measured) {
    Measuring(checkpoint, tensors, schemes, importance, options, on_measured).run();
}

}  // namespace octet::run
