// What a task finds out about its tensor: a value that can be merged, written down, and sent to
// another machine.
//
// Sums are kept as they were made, not rounded: results of parts of a tensor, merged in the order
// of the parts, give what one run over the whole tensor gives, to the last bit where the parts are
// those of its work plan.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/task.hpp"
#include "quant/block_state.hpp"
#include "quant/error_sums.hpp"

namespace octet::codecs {

struct TensorResult {
    quant::ErrorSums sums;              ///< of quantized values
    double bound = 0;                   ///< the largest of the blocks'
    quant::BlockState state;            ///< of a tensor with one scale
    kernels::Range range;               ///< of a scan
    kernels::Narrowing narrowing = {};  ///< of restored or converted values
    pipeline::PieceChecksums
        source_pieces;  ///< of the source's bytes, as far as they came by in order
    pipeline::PieceChecksums stored_pieces;  ///< the same of what was written

    TensorResult() noexcept;

    /// Adds what was found in the part of the tensor behind this one.
    void merge(const TensorResult& later);
};

/// Takes the result of the task of that number; from any worker.
using TakeResult = std::function<void(std::size_t number, TensorResult&& result)>;

/// The result as one line of text, and back, without loss. Nothing where the text is none.
std::string result_text(const TensorResult& result);
std::optional<TensorResult> parse_result(std::string_view text);

}  // namespace octet::codecs
