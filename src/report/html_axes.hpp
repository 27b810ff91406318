// A chart's axes: from numbers to places in an SVG of 680 x 340, with round ticks.
#pragma once

#include <string>
#include <string_view>

#include "report/document_parts.hpp"

namespace octet::report::html {

/// Numbers along an axis. `least` < `most`.
struct Range {
    double least = 0;
    double most = 1;
};

/// The smallest range that holds both numbers, begins and ends at ticks and is not empty.
Range rounded(double least, double most);

/// The distance of ticks, one of 1, 2, 5 x 10^n, for at most 8 of them.
double tick_of(const Range& range);

class Axes {
  public:
    Axes(const Range& x, const Range& y) : x_(x), y_(y) {}

    double x(double value) const {
        return kLeft + kWidth * (value - x_.least) / (x_.most - x_.least);
    }
    double y(double value) const {
        return kTop + kHeight * (y_.most - value) / (y_.most - y_.least);
    }

    /// The beginning of the figure: `label` says to those who do not see it what it shows.
    void begin(Pieces& out, std::string_view label) const;

    /// Lines, ticks and titles of both axes. `sizes`: x counts bytes.
    void draw(Pieces& out, std::string_view x_title, std::string_view y_title, bool sizes) const;

    /// The end, with a sentence below.
    static void end(Pieces& out, std::string_view caption);

  private:
    static constexpr double kLeft = 66;
    static constexpr double kTop = 12;
    static constexpr double kWidth = 580;
    static constexpr double kHeight = 270;

    Range x_;
    Range y_;
};

/// A dot that shows `text` when the pointer is on it.
std::string dot(double x, double y, std::string_view kind, std::string_view text);

}  // namespace octet::report::html
