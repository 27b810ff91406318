// What the text reports of several commands share: lines with headings and facts, names cut to a
// column.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json_text.hpp"
#include "octet/report.hpp"

namespace octet::report {

/// What a terminal shows.
struct TextStyle {
    bool color = false;
    std::size_t columns = 0;  ///< of the terminal; 0: lines may be as long as they like
};

class Lines {
  public:
    explicit Lines(const TextStyle& style, TextSink sink = {})
        : style_(style), sink_(std::move(sink)) {}

    std::size_t columns() const noexcept { return style_.columns; }

    void line(std::string_view text) {
        text_ += text;
        text_ += '\n';
        if (sink_ && text_.size() >= kPieceBytes) sink_(std::exchange(text_, {}));
    }

    /// In bold, where there is colour.
    void heading(std::string_view text);

    /// A sentence; in a terminal it goes on in lines that begin with `hang` spaces.
    void sentence(std::string_view text, std::size_t hang);

    /// "  name       value"
    void fact(std::string_view name, std::string_view value);

    /// What no sink got.
    std::string take() { return std::move(text_); }

  private:
    static constexpr std::size_t kPieceBytes = 64U << 10U;

    std::string text_;
    TextStyle style_;
    TextSink sink_;
};

/// "49.24 dB".
std::string decibels(double value);

/// "3.98 x smaller"; nothing where either is 0 bytes.
std::string ratio_text(std::uint64_t before, std::uint64_t after);

/// The name in `width` columns, cut in the middle when it is longer.
std::string fitted(std::string_view name, std::size_t width);

/// The same, the first `head` of the columns being the name's beginning.
std::string cut_in_the_middle(std::string_view name, std::size_t width, std::size_t head);

/// A reason to keep, without the name of the weight whose state a tensor is: such tensors are many.
std::string short_reason(const std::string& reason);

/// The SQNR of all quantized values, buffers left out; where some are quantized, also with them.
void add_sqnr(Lines& lines, const Totals& totals);

/// A line for each gate that was asked for.
void add_checks(Lines& lines, const std::vector<Check>& checks);

}  // namespace octet::report
