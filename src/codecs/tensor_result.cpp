// The text form is words with spaces between: every number of the result as the shortest text that
// reads back to it, then the pieces' checksums. Sums are merged in the order of the pieces, which
// is the caller's business.
#include "codecs/tensor_result.hpp"

#include <algorithm>
#include <charconv>
#include <type_traits>

#include <fmt/format.h>

#include "quant/block_state.hpp"

namespace octet::codecs {
namespace {

using pipeline::PieceChecksums;

/// Where one of the two has a piece, it is known.
void merge_pieces(PieceChecksums& pieces, const PieceChecksums& later) {
    pieces.resize(std::max(pieces.size(), later.size()));
    for (std::size_t i = 0; i < later.size(); ++i) {
        if (!pieces[i]) pieces[i] = later[i];
    }
}

void add_pieces(std::string& text, const PieceChecksums& pieces) {
    text += fmt::format(" {}", pieces.size());
    for (const auto& piece : pieces) text += piece ? " " + checksum_text(*piece) : " -";
}

/// Takes words from the front of a text; what is no such word leaves `failed`.
class Words {
  public:
    explicit Words(std::string_view text) : text_(text) {}

    std::string_view next() {
        const std::size_t end = std::min(text_.find(' '), text_.size());
        const std::string_view word = text_.substr(0, end);
        text_.remove_prefix(std::min(end + 1, text_.size()));
        return word;
    }

    template <typename T>
    void take(T& value) {
        const std::string_view word = next();
        std::from_chars_result result{};
        if constexpr (std::is_floating_point_v<T>) {
            result = std::from_chars(word.data(), word.data() + word.size(), value);
        } else {
            result = std::from_chars(word.data(), word.data() + word.size(), value, 10);
        }
        failed = failed || result.ec != std::errc() || result.ptr != word.data() + word.size();
    }

    void take(bool& value) {
        unsigned number = 2;
        take(number);
        failed = failed || number > 1;
        value = number == 1;
    }

    void take(PieceChecksums& pieces) {
        std::uint64_t count = 0;
        take(count);
        for (std::uint64_t i = 0; i < count && !failed; ++i) {
            const std::string_view word = next();
            pieces.push_back(word == "-" ? std::nullopt : parse_checksum(word));
            failed = word != "-" && !pieces.back();
        }
    }

    bool is_at_end() const noexcept { return text_.empty(); }

    bool failed = false;

  private:
    std::string_view text_;
};

/// Every number of a result, in the order of its text.
template <typename Result, typename Visit>
void for_each_number(Result& result, Visit visit) {
    visit(result.sums.signal.value);
    visit(result.sums.signal.exponent);
    visit(result.sums.noise.value);
    visit(result.sums.noise.exponent);
    visit(result.sums.max_abs_error);
    visit(result.sums.clipped);
    visit(result.bound);
    visit(result.state.scale);
    visit(result.state.zero_point);
    visit(result.range.min);
    visit(result.range.max);
    visit(result.range.finite);
    visit(result.narrowing.max_abs_difference);
    visit(result.narrowing.overflowed);
}

}  // namespace

TensorResult::TensorResult() noexcept : range(quant::empty_range()) {}

void TensorResult::merge(const TensorResult& later) {
    sums.merge(later.sums);
    bound = std::max(bound, later.bound);
    state = later.state;  // one for the whole tensor
    range = {std::min(range.min, later.range.min), std::max(range.max, later.range.max),
             range.finite && later.range.finite};
    narrowing.max_abs_difference =
        std::max(narrowing.max_abs_difference, later.narrowing.max_abs_difference);
    narrowing.overflowed = narrowing.overflowed || later.narrowing.overflowed;
    merge_pieces(source_pieces, later.source_pieces);
    merge_pieces(stored_pieces, later.stored_pieces);
}

std::string result_text(const TensorResult& result) {
    std::string text = "result";
    for_each_number(result, [&](const auto& number) {
        if constexpr (std::is_same_v<std::decay_t<decltype(number)>, bool>) {
            text += number ? " 1" : " 0";
        } else {
            text +=
                fmt::format(" {}", number);  // the shortest text that reads back as the same number
        }
    });
    add_pieces(text, result.source_pieces);
    add_pieces(text, result.stored_pieces);
    return text;
}

std::optional<TensorResult> parse_result(std::string_view text) {
    Words words(text);
    TensorResult result;
    if (words.next() != "result" || text.ends_with(' ')) return std::nullopt;
    for_each_number(result, [&](auto& number) { words.take(number); });
    words.take(result.source_pieces);
    words.take(result.stored_pieces);
    if (words.failed || !words.is_at_end()) return std::nullopt;
    return result;
}

}  // namespace octet::codecs
