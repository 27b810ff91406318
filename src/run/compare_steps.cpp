#include "run/compare_steps.hpp"

#include <algorithm>

#include "quant/active_kernels.hpp"
#include "run/workers.hpp"

namespace octet::run {
namespace {

using Bytes = std::span<std::byte>;

/// Elements (or bytes) that one slot of results covers.
constexpr std::uint64_t kTileElements = 1U << 20U;
/// Elements at a time: values, stored bytes and working memory of both sides stay in the second-level cache.
constexpr std::uint64_t kPieceElements = 32U << 10U;

struct Step {
    std::uint32_t pair = 0;
    std::uint64_t first = 0;
    std::uint64_t count = 0;
};

struct StepResult {
    quant::DifferenceSums sums;
    std::uint64_t bytes_differ = 0;
    std::uint64_t first_byte = 0;
};

class Comparison {
  public:
    Comparison(const FloatSource& a, const FloatSource& b, std::vector<TensorPair>& pairs, const ReadOptions& options)
        : a_(a),
          b_(b),
          pairs_(pairs),
          workers_(worker_count(options.threads), options.stop_requested),
          progress_(options.progress, total_bytes()) {
        for (std::uint32_t i = 0; i < pairs_.size(); ++i) {
            const std::uint64_t size = units_of(pairs_[i]);
            for (std::uint64_t first = 0; first < size; first += kTileElements)
                steps_.push_back({i, first, std::min(kTileElements, size - first)});
        }
        results_.resize(steps_.size());
    }

    void run() {
        workers_.run(steps_.size(), [this](std::uint64_t number, Bytes memory) {
            const Step& step = steps_[number];
            const TensorPair& pair = pairs_[step.pair];
            if (pair.as_bytes) {
                compare_bytes(step, memory, results_[number]);
            } else if (a_.tensors()[pair.a].dtype == Dtype::kF64 || b_.tensors()[pair.b].dtype == Dtype::kF64) {
                compare_floats<double>(step, memory, results_[number]);
            } else {
                compare_floats<float>(step, memory, results_[number]);
            }
            progress_.add(bytes_of(step));
        });
        for (std::size_t i = 0; i < steps_.size(); ++i) {
            TensorPair& pair = pairs_[steps_[i].pair];
            pair.sums.merge(results_[i].sums);
            if (pair.bytes_differ == 0) pair.first_byte = results_[i].first_byte;
            pair.bytes_differ += results_[i].bytes_differ;
        }
        progress_.finish();
    }

  private:
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
    void compare_floats(const Step& step, Bytes memory, StepResult& result) const {
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

    void compare_bytes(const Step& step, Bytes memory, StepResult& result) const {
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
    std::vector<TensorPair>& pairs_;
    Workers workers_;
    ProgressMeter progress_;
    std::vector<Step> steps_;
    std::vector<StepResult> results_;
};

}  // namespace

void compare_data(const FloatSource& a, const FloatSource& b, std::vector<TensorPair>& pairs,
                  const ReadOptions& options) {
    quant::active_kernels();  // an unknown OCTET_ISA is refused here, not in a worker
    Comparison(a, b, pairs, options).run();
}

}  // namespace octet::run
