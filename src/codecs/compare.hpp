// The data of two checkpoints held against each other, tensor by tensor: pieces are tiles of 2^20
// elements, or bytes.
#pragma once

#include <functional>

#include "formats/float_source.hpp"
#include "pipeline/task.hpp"
#include "quant/difference.hpp"

namespace octet::codecs {

/// Two tensors of one shape.
struct TensorPair {
    std::size_t a = 0;  ///< place in A's tensors()
    std::size_t b = 0;
    bool as_bytes = false;  ///< compared byte for byte, both being of one size; else as floats
    double scale = 0;       ///< of the codes; 0 where there is none
};

/// What was found out about a pair.
struct PairResult {
    quant::DifferenceSums sums;      ///< of floats
    std::uint64_t bytes_differ = 0;  ///< of bytes: how many do
    std::uint64_t first_byte = 0;    ///< of bytes: the first that does

    /// Adds what was found further behind.
    void merge(const PairResult& later);
};

/// Takes the result of the pair of that number; from any worker.
using TakePair = std::function<void(std::size_t number, const PairResult& result)>;

class CompareTask final : public pipeline::TensorTask {
  public:
    /// All that is named outlives the run.
    CompareTask(const formats::FloatSource& a, const formats::FloatSource& b,
                const TensorPair& pair, std::size_t number, const TakePair& take)
        : TensorTask({}, {}, false), a_(a), b_(b), pair_(pair), take_(take), number_(number) {}

    std::uint64_t progress_bytes() const override;
    std::uint64_t cut(std::uint64_t memory_bytes) override;
    void do_piece(std::uint64_t number, pipeline::Workspace& workspace) override;
    void finish(pipeline::PieceChecksums stored) override;

  private:
    struct Range {
        std::uint64_t first;
        std::uint64_t count;
    };

    std::uint64_t units() const;
    template <typename T>
    void compare_floats(const Range& range, pipeline::Bytes memory, PairResult& result) const;
    void compare_bytes(const Range& range, pipeline::Bytes memory, PairResult& result) const;

    const formats::FloatSource& a_;
    const formats::FloatSource& b_;
    const TensorPair& pair_;
    const TakePair& take_;
    std::size_t number_;
    std::vector<PairResult> results_;  ///< of the pieces, one where it is done
};

}  // namespace octet::codecs
