#include "run/promise.hpp"

#include <algorithm>
#include <deque>
#include <optional>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/active_kernels.hpp"
#include "quant/finite_state.hpp"
#include "quant/stored_form.hpp"
#include "quant/values.hpp"
#include "run/engine.hpp"
#include "run/regions.hpp"
#include "run/tile_work.hpp"
#include "run/workers.hpp"

namespace octet::run {
namespace {

/// Elements of one step; its slot is what stays in memory of them.
constexpr std::uint64_t kStepElements = 1U << 20U;

/// Tensors that are quantized again in one run, if they have no more than kStepElements together.
constexpr std::size_t kMostTogether = 1024;

/// Bytes that an element may take at once: its source (8 at most), its code, and the code made again.
constexpr std::uint64_t kMostBytesEach = 10;

/// What one step has found out. Slots are merged in order.
struct Slot {
    kernels::Range range = quant::empty_range();
    double max_abs_error = 0;
    std::optional<std::uint64_t> first_difference;  ///< element whose code (or byte, of a copy) is another
};

struct Pair {
    const TensorReport* tensor;
    const state::StoredTensor* stored;
    const checkpoint::Tensor* source;
    std::uint64_t first_step = 0;
    std::uint64_t elements = 0;  ///< of a copy: bytes
};

/// The kernels want the range for the scaling of sums, for which any will do, and to know whether codes may need a limit: of a source that is
/// not the set's own they may.
kernels::Affine affine_of(const TensorReport& tensor) {
    const quant::AffineState state{*tensor.scale, *tensor.zero_point};
    const float largest = state.zero_point + static_cast<float>(kMaxCode) * state.scale;
    kernels::Affine affine = quant::loop_parameters(state, {state.zero_point, largest, true});
    affine.has_limit = true;
    return affine;
}

class Promise {
  public:
    Promise(const state::QuantizedSet& set, const checkpoint::Checkpoint& source, const Importance* importance,
            const WriteOptions& options)
        : set_(set), source_(source), importance_(importance), options_(options) {}

    std::vector<Finding> check() {
        pair_up();
        std::uint64_t steps = 0;
        for (Pair& pair : pairs_) {
            pair.first_step = steps;
            steps += divide_up(pair.elements, kStepElements);
        }
        slots_.resize(steps);
        Workers workers(worker_count(options_.threads), options_.stop_requested);
        for (const Pair& pair : pairs_) source_bytes_ += pair.source->byte_count;
        ProgressMeter progress(options_.progress, 2 * source_bytes_);
        workers.run(steps, [&](std::uint64_t number, std::span<std::byte> memory) {
            progress.add(check_step(number, memory));
        });
        hash_sources();
        for (std::size_t i = 0; i < pairs_.size();) i = judge_run(i);
        return std::move(findings_);
    }

  private:
    void add(const TensorReport& tensor, const state::StoredTensor& stored, std::string what) {
        findings_.push_back({set_.sidecar.files[stored.file].name, tensor.name, std::move(what)});
    }

    /// Tensors by name; what has no partner, or one of another dtype or shape, is a finding.
    void pair_up() {
        std::vector<const checkpoint::Tensor*> by_name;
        for (const checkpoint::Tensor& tensor : source_.tensors) by_name.push_back(&tensor);
        const auto before = [](const checkpoint::Tensor* a, const checkpoint::Tensor* b) { return a->name < b->name; };
        std::sort(by_name.begin(), by_name.end(), before);
        std::vector<bool> paired(by_name.size());
        for (std::size_t i = 0; i < set_.stored.size(); ++i) {
            const TensorReport& tensor = set_.sidecar.tensors[i];
            const auto found =
                std::lower_bound(by_name.begin(), by_name.end(), tensor.name,
                                 [](const checkpoint::Tensor* a, const std::string& name) { return a->name < name; });
            if (found == by_name.end() || (*found)->name != tensor.name) {
                add(tensor, set_.stored[i], "is not in the source");
                continue;
            }
            paired[static_cast<std::size_t>(found - by_name.begin())] = true;
            if ((*found)->dtype != tensor.dtype || (*found)->shape != tensor.shape) {
                add(tensor, set_.stored[i],
                    fmt::format("was made from {} {}, the source has {} {}", dtype_name(tensor.dtype),
                                shape_text(tensor.shape), dtype_name((*found)->dtype), shape_text((*found)->shape)));
                continue;
            }
            const bool blocks = tensor.scheme && quant::uses_blocks(*tensor.scheme);
            const std::uint64_t elements = blocks ? 0 : tensor.scheme ? set_.stored[i].byte_count : tensor.source_bytes;
            pairs_.push_back({&tensor, &set_.stored[i], *found, 0, elements});
        }
        for (std::size_t i = 0; i < by_name.size(); ++i) {
            if (paired[i]) continue;
            const checkpoint::Tensor& tensor = *by_name[i];
            findings_.push_back(
                {source_.shards[tensor.shard].base_name, tensor.name, "is in the source, not in the set"});
        }
    }

    /// Returns the bytes of the source that it held the set against.
    std::uint64_t check_step(std::uint64_t number, std::span<std::byte> memory) {
        const auto after = std::upper_bound(pairs_.begin(), pairs_.end(), number,
                                            [](std::uint64_t n, const Pair& pair) { return n < pair.first_step; });
        const Pair& pair = *std::find_if(std::make_reverse_iterator(after), pairs_.rend(),
                                         [](const Pair& p) { return p.elements > 0; });
        const std::uint64_t start = (number - pair.first_step) * kStepElements;
        const std::uint64_t stop = std::min(start + kStepElements, pair.elements);
        const std::uint64_t fitting = memory.size() / kMostBytesEach;
        for (std::uint64_t first = start; first < stop; first += fitting) {
            check_part(pair, first, std::min(fitting, stop - first), memory, slots_[number]);
        }
        return (stop - start) * (pair.tensor->scheme ? dtype_bits(pair.tensor->dtype) / 8 : 1);
    }

    void check_part(const Pair& pair, std::uint64_t first, std::uint64_t count, Bytes memory, Slot& slot) const {
        const TensorReport& tensor = *pair.tensor;
        const std::uint64_t each = tensor.scheme ? dtype_bits(tensor.dtype) / 8 : 1;
        const Bytes stored = memory.first(count);
        const Bytes made = memory.subspan(count, count);
        const Bytes source = memory.subspan(2 * count, count * each);
        set_.data_files[pair.stored->file].file.read_at(stored, pair.stored->offset + first);
        source_.shards[pair.source->shard].file.read_at(source, pair.source->offset + first * each);
        if (!tensor.scheme) return compare(stored, source, first, slot);
        kernels::LaneSums lanes{};
        kernels::Range range = quant::empty_range();
        quant::add_range(tensor.dtype, source, range);
        slot.range = {std::min(slot.range.min, range.min), std::max(slot.range.max, range.max),
                      slot.range.finite && range.finite};
        // Of another source, and not for the kernels: judge() says what is wrong with the range.
        if (!range.finite || range.min < *tensor.zero_point) return;
        quant::quantize_values(tensor.dtype, source, affine_of(tensor), tensor.scheme->rounding, made, lanes);
        slot.max_abs_error = std::max(slot.max_abs_error, lanes.max_abs_error);
        compare(stored, made, first, slot);
    }

    static void compare(ConstBytes stored, ConstBytes expected, std::uint64_t first, Slot& slot) {
        if (slot.first_difference) return;
        const auto at = std::mismatch(stored.begin(), stored.end(), expected.begin()).first;
        if (at != stored.end()) slot.first_difference = first + static_cast<std::uint64_t>(at - stored.begin());
    }

    static bool has_blocks(const Pair& pair) { return pair.tensor->scheme && quant::uses_blocks(*pair.tensor->scheme); }

    /// Judges pairs from `first` on, as many as are small together; returns the first that is left.
    std::size_t judge_run(std::size_t first) {
        std::size_t stop = first;
        std::uint64_t elements = 0;
        while (stop < std::min(first + kMostTogether, pairs_.size())) {
            elements += has_blocks(pairs_[stop]) ? element_count(pairs_[stop].tensor->shape).value_or(0) : 0;
            if (stop > first && elements > kStepElements) break;
            ++stop;
        }
        std::deque<BlockJob> blocks;
        std::vector<TensorJob> jobs;
        for (std::size_t i = first; i < stop; ++i) {
            if (has_blocks(pairs_[i])) jobs.push_back(job_of(pairs_[i], blocks));
        }
        const bool all_done = !problem_with(jobs);
        auto job = jobs.begin();
        for (std::size_t i = first; i < stop; ++i) {
            const std::size_t before = findings_.size();
            if (!has_blocks(pairs_[i])) {
                judge(pairs_[i]);
            } else if (all_done) {
                judge_blocks(pairs_[i], *job++);
            } else {
                judge_alone(pairs_[i]);
            }
            if (findings_.size() == before) judge_checksum(pairs_[i], source_checksums_[i]);
        }
        return stop;
    }

    /// Quantizes the tensor again on the road of quantize, and holds what it would write against what is stored.
    TensorJob job_of(const Pair& pair, std::deque<BlockJob>& blocks) const {
        const TensorReport& tensor = *pair.tensor;
        BlockJob& block = blocks.emplace_back();
        block.scheme = *tensor.scheme;
        block.elements = element_count(tensor.shape).value_or(0);
        if (importance_ != nullptr) block.make_extra().weights = importance_->weights_of(tensor);
        TensorJob job;
        job.codec = Codec::kCheckBlocks;
        job.source_dtype = tensor.dtype;
        job.source = &source_.shards[pair.source->shard].file;
        job.source_offset = pair.source->offset;
        job.target = &set_.data_files[pair.stored->file].file;
        job.target_offset = pair.stored->offset;
        job.elements = block.elements;
        job.name = tensor.name;
        job.shape = &tensor.shape;
        job.block = &block;
        return job;
    }

    /// Does the jobs; what is wrong with the source of one of them.
    std::optional<std::string> problem_with(std::vector<TensorJob>& jobs) const {
        if (jobs.empty()) return std::nullopt;
        WriteOptions quiet = options_;  // its bytes are counted where they are hashed
        quiet.progress = {};
        try {
            run_jobs(jobs, quiet);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::kBadInput) throw;
            return error.what();
        }
        return std::nullopt;
    }

    void judge_alone(const Pair& pair) {
        std::deque<BlockJob> blocks;
        std::vector<TensorJob> jobs = {job_of(pair, blocks)};
        const auto problem = problem_with(jobs);
        if (!problem) return judge_blocks(pair, jobs.front());
        add(*pair.tensor, *pair.stored, "its source cannot be quantized: " + *problem);
    }

    void judge_blocks(const Pair& pair, const TensorJob& job) {
        const TensorReport& tensor = *pair.tensor;
        const BlockJob& block = *job.block;
        const bool same_scale = !tensor.scale || *tensor.scale == block.state.scale;
        if (!same_scale || (tensor.zero_point && *tensor.zero_point != block.state.zero_point))
            return add(tensor, *pair.stored, "scale and zero point do not follow from the source");
        if (block.extra().first_difference)
            return add(tensor, *pair.stored,
                       fmt::format("codes or state do not follow from the source; the first other byte is {}",
                                   with_commas(*block.extra().first_difference)));
        if (job.sums.max_abs_error > block.bound)
            add(tensor, *pair.stored,
                fmt::format("its largest error {:.6g} is beyond its bound {:.6g}", job.sums.max_abs_error,
                            block.bound));
    }

    void judge(const Pair& pair) {
        const TensorReport& tensor = *pair.tensor;
        Slot all;
        const std::uint64_t steps = divide_up(pair.elements, kStepElements);
        for (std::uint64_t i = pair.first_step; i < pair.first_step + steps; ++i) {
            const Slot& slot = slots_[i];
            all.range = {std::min(all.range.min, slot.range.min), std::max(all.range.max, slot.range.max),
                         all.range.finite && slot.range.finite};
            all.max_abs_error = std::max(all.max_abs_error, slot.max_abs_error);
            if (!all.first_difference) all.first_difference = slot.first_difference;
        }
        if (!tensor.scheme) {
            if (all.first_difference)
                add(tensor, *pair.stored,
                    fmt::format("is not a copy of its source: byte {} differs", with_commas(*all.first_difference)));
            return;
        }
        if (!all.range.finite) return add(tensor, *pair.stored, "its source holds values that are not finite");
        quant::AffineState state = quant::affine_state(all.range);
        if (!quant::settle_state(tensor.scheme->rounding, all.range, tensor.dtype, state))
            return add(tensor, *pair.stored, "its source has values that would come back infinite");
        if (state.scale != *tensor.scale || state.zero_point != *tensor.zero_point) {
            return add(
                tensor, *pair.stored,
                fmt::format("scale {} and zero point {} do not follow from the source, whose range gives {} and {}",
                            *tensor.scale, *tensor.zero_point, state.scale, state.zero_point));
        }
        if (all.first_difference) {
            return add(tensor, *pair.stored,
                       fmt::format("the code at {} is not what its scale and zero point give",
                                   index_text(*all.first_difference, tensor.shape)));
        }
        const double bound = quant::error_bound(state, all.range, tensor.scheme->rounding, tensor.dtype);
        if (all.max_abs_error > bound)
            add(tensor, *pair.stored,
                fmt::format("its largest error {:.6g} is beyond its bound {:.6g}", all.max_abs_error, bound));
    }

    void hash_sources() {
        std::vector<Region> regions;
        for (const Pair& pair : pairs_)
            regions.push_back({&source_.shards[pair.source->shard].file, pair.source->offset, pair.source->byte_count});
        WriteOptions second_half = options_;
        second_half.progress = part_of(options_.progress, source_bytes_, 2 * source_bytes_);
        source_checksums_ = piece_checksums(regions, second_half);
    }

    /// The promise holds, but of other values: codes can hide a small change.
    void judge_checksum(const Pair& pair, const Checksum& found) {
        if (found == *pair.tensor->source_checksum) return;
        add(*pair.tensor, *pair.stored,
            fmt::format(
                "was made from other bytes than the source has, though the same codes follow: the source's have "
                "the checksum {}, the sidecar says {}",
                checksum_text(found), checksum_text(*pair.tensor->source_checksum)));
    }

    const state::QuantizedSet& set_;
    const checkpoint::Checkpoint& source_;
    const Importance* importance_;
    const WriteOptions& options_;
    std::vector<Pair> pairs_;
    std::vector<Checksum> source_checksums_;  ///< parallel to pairs_
    std::vector<Slot> slots_;
    std::uint64_t source_bytes_ = 0;
    std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> check_promise(const state::QuantizedSet& set, const checkpoint::Checkpoint& source,
                                   const Importance* importance, const WriteOptions& options) {
    quant::active_kernels();
    return Promise(set, source, importance, options).check();
}

}  // namespace octet::run
