// The checksums of those pieces of a tensor's source that begin in one stretch of it, gathered
// while the stretch is read in order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/checked.hpp"
#include "pipeline/task.hpp"
#include "quant/checksum.hpp"

namespace octet::pipeline {

class SourcePieces {
  public:
    /// Of bytes [begin, end) of a tensor of `total` bytes.
    SourcePieces(std::uint64_t begin, std::uint64_t end, std::uint64_t total)
        : first_(divide_up(begin, quant::kPieceBytes)),
          next_(begin),
          stop_(std::min(divide_up(end, quant::kPieceBytes) * quant::kPieceBytes, total)) {}

    /// The next values of the stretch, which extend `range` on the way; false, and nothing is done,
    /// where not all their bytes are wanted.
    bool add_values(ConstBytes bytes, kernels::Range& range) {
        if (first_ * quant::kPieceBytes > next_ || missing() < bytes.size()) return false;
        hasher_.add_values(bytes, range);
        next_ += bytes.size();
        return true;
    }

    /// The next bytes of the stretch, and then of what stands behind it.
    void add(ConstBytes bytes) {
        const std::uint64_t start = first_ * quant::kPieceBytes;
        const std::uint64_t skipped =
            std::min<std::uint64_t>(start > next_ ? start - next_ : 0, bytes.size());
        next_ += skipped;
        const ConstBytes wanted =
            bytes.subspan(skipped).first(std::min(bytes.size() - skipped, missing()));
        hasher_.add(wanted);
        next_ += wanted.size();
    }

    /// Bytes up to the end of the last piece; behind the stretch somebody has to read them for it.
    std::uint64_t missing() const noexcept {
        return stop_ > std::max(next_, first_ * quant::kPieceBytes) ? stop_ - next_ : 0;
    }

    /// Where they begin.
    std::uint64_t next() const noexcept { return next_; }

    /// Puts the checksums at the places of their pieces.
    void store(PieceChecksums& pieces) {
        std::uint64_t at = first_;
        hasher_.take_pieces([&](const Checksum& piece) { pieces[at++] = piece; });
    }

  private:
    std::uint64_t first_;  ///< piece
    std::uint64_t next_;   ///< byte
    std::uint64_t stop_;
    quant::PieceHasher hasher_;
};

}  // namespace octet::pipeline
