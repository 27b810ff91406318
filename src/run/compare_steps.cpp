#include "run/compare_steps.hpp"

#include <algorithm>
#include <atomic>
#include <unordered_map>

#include "base/checked.hpp"
#include "quant/active_kernels.hpp"
#include "run/workers.hpp"

namespace octet::run {
namespace {

using Bytes = std::span<std::byte>;
using Take = std::function<void(std::size_t, const PairResult&)>;

/// Elements (or bytes) that one slot of results covers.
constexpr std::uint64_t kTileElements = 1U << 20U;
/// Elements at a time: values, stored bytes and working memory of both sides stay in the second-level cache.
constexpr std::uint64_t kPieceElements = 32U << 10U;

struct Step {
    std::uint32_t pair = 0;
    std::uint64_t first = 0;
    std::uint64_t count = 0;
};

/// The steps of a pair that has several: kept until the last one is done.
struct Several {
    std::size_t first_step = 0;
    std::atomic<std::size_t> left{0};
    std::vector<PairResult> results;
};

class Comparison {
  public:
    Comparison(const FloatSource& a, const FloatSource& b, const std::vector<TensorPair>& pairs, const Take& take,
               const ReadOptions& options)
        : a_(a),
          b_(b),
          pairs_(pairs),
          take_(take),
          workers_(worker_count(options.threads), options.stop_requested),
          progress_(options.progress, total_bytes()) {
        for (std::uint32_t i = 0; i < pairs_.size(); ++i) {
            const std::uint64_t size = units_of(pairs_[i]);
            if (size > kTileElements) {
                Several& several = several_[i];
                several.first_step = steps_.size();
                several.left = divide_up(size, kTileElements);
                several.results.resize(several.left);
            }
            for (std::uint64_t first = 0; first < size; first += kTileElements)
                steps_.push_back({i, first, std::min(kTileElements, size - first)});
            if (size == 0) take_(i, {});
        }
    }

    void run() {
        workers_.run(steps_.size(), [this](std::uint64_t number, Bytes memory) {
            const Step& step = steps_[number];
            const TensorPair& pair = pairs_[step.pair];
            PairResult result;
            if (pair.as_bytes) {
                compare_bytes(step, memory, result);
            } else if (a_.tensors()[pair.a].dtype == Dtype::kF64 || b_.tensors()[pair.b].dtype == Dtype::kF64) {
                compare_floats<double>(step, memory, result);
            } else {
                compare_floats<float>(step, memory, result);
            }
            settle(number, result);
            progress_.add(bytes_of(step));
        });
        progress_.finish();
    }

  private:
    /// The last step of a pair merges all of them, in order.
    void settle(std::uint64_t number, const PairResult& result) {
        const std::uint32_t pair = steps_[number].pair;
        const auto found = several_.find(pair);
        PairResult all;
        if (found == several_.end()) {
            merge(result, all);
            return take_(pair, all);
        }
        Several& several = found->second;
        several.results[number - several.first_step] = result;
        if (several.left.fetch_sub(1) != 1) return;
        for (const PairResult& one : several.results) merge(one, all);
        several.results = {};
        take_(pair, all);
    }

    static void merge(const PairResult& later, PairResult& all) {
        all.sums.merge(later.sums);
        if (all.bytes_differ == 0) all.first_byte = later.first_byte;
        all.bytes_differ += later.bytes_differ;
    }

    /// What the pair is cut by: elements, or bytes.
    std::uint64_t units_of(const TensorPair& pair) const {
        return pair.as_bytes ? a_.byte_count(pair.a) : element_count(a_.tensors()[pair.a].shape).value_or(0);
    }

    /// Progress is counted in bytes of A's dtypes.
    std::uint64_t bytes_of(const Step& step) const {
        const TensorPair& pair = pairs_[step.pair];
        return pair.as_bytes ? step.count : step.count * (dtype_bits(a_.tensors()[pair.a].dtype) / 8);
    }

    std::uint64_t total_bytes() const {
        std::uint64_t total = 0;
        for (const TensorPair& pair : pairs_) total += a_.tensors()[pair.a].source_bytes;
        return total;
    }

    template <typename T>
    void compare_floats(const Step& step, Bytes memory, PairResult& result) const {
        const TensorPair& pair = pairs_[step.pair];
        const std::uint64_t fitting = memory.size() / (2 * sizeof(T) + FloatSource::kScratchBytes);
        const std::uint64_t piece = std::min(fitting - fitting % kernels::kFoldElements, kPieceElements);
        auto* const values = reinterpret_cast<T*>(memory.data());
        const Bytes scratch = memory.subspan(2 * piece * sizeof(T));
        quant::DifferenceTile tile(pair.scale, step.first);
        for (std::uint64_t done = 0; done < step.count; done += piece) {
            const std::uint64_t count = std::min(piece, step.count - done);
            const std::span<T> from_a(values, count);
            const std::span<T> from_b(values + piece, count);
            a_.read(pair.a, step.first + done, from_a, scratch);
            b_.read(pair.b, step.first + done, from_b, scratch);
            tile.add(from_a, from_b);
        }
        result.sums = tile.sums();
    }

    void compare_bytes(const Step& step, Bytes memory, PairResult& result) const {
        const TensorPair& pair = pairs_[step.pair];
        const std::uint64_t piece = std::min<std::uint64_t>(memory.size() / 2, kPieceElements);
        for (std::uint64_t done = 0; done < step.count; done += piece) {
            const std::uint64_t count = std::min(piece, step.count - done);
            const Bytes from_a = memory.first(count);
            const Bytes from_b = memory.subspan(piece, count);
            a_.read_bytes(pair.a, step.first + done, from_a);
            b_.read_bytes(pair.b, step.first + done, from_b);
            for (std::uint64_t i = 0; i < count; ++i) {
                if (from_a[i] == from_b[i]) continue;
                if (result.bytes_differ++ == 0) result.first_byte = step.first + done + i;
            }
        }
    }

    const FloatSource& a_;
    const FloatSource& b_;
    const std::vector<TensorPair>& pairs_;
    const Take& take_;
    Workers workers_;
    ProgressMeter progress_;
    std::vector<Step> steps_;
    std::unordered_map<std::uint32_t, Several> several_;
};

}  // namespace

void compare_data(const FloatSource& a, const FloatSource& b, const std::vector<TensorPair>& pairs,
                  const std::function<void(std::size_t, const PairResult&)>& take, const ReadOptions& options) {
    quant::active_kernels();  // an unknown OCTET_ISA is refused here, not in a worker
    Comparison(a, b, pairs, take, options).run();
}

}  // namespace octet::run
