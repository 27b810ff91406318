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

class Lines {
  public:
    explicit Lines(bool color, TextSink sink = {}) : color_(color), sink_(std::move(sink)) {}

    void line(std::string_view text) {
        text_ += text;
        text_ += '\n';
        if (sink_ && text_.size() >= kPieceBytes) sink_(std::exchange(text_, {}));
    }

    /// In bold, where there is colour.
    void heading(std::string_view text);

    /// "  name       value"
    void fact(std::string_view name, std::string_view value);

    /// What no sink got.
    std::string take() { return std::move(text_); }

  private:
    static constexpr std::size_t kPieceBytes = 64U << 10U;

    std::string text_;
    bool color_;
    TextSink sink_;
};

/// "49.24 dB".
std::string decibels(double value);

/// "3.98 x smaller"; nothing where either is 0 bytes.
std::string ratio_text(std::uint64_t before, std::uint64_t after);

/// The name in `width` columns, cut in the middle when it is longer.
std::string fitted(std::string_view name, std::size_t width);

/// A reason to keep, without the name of the weight whose state a tensor is: such tensors are many.
std::string short_reason(const std::string& reason);

/// The width of a column for these names: that of the longest, from `least` to 60; more, to 240 at
/// most, where names that differ would look the same when cut.
std::size_t name_width(const std::vector<std::string_view>& names, std::size_t least);

/// The SQNR of all quantized values, buffers left out; where some are quantized, also with them.
void add_sqnr(Lines& lines, const Totals& totals);

/// A line for each gate that was asked for.
void add_checks(Lines& lines, const std::vector<Check>& checks);

}  // namespace octet::report
