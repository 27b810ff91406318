// Ticks are counted in whole steps, so that no rounding moves them.
#include "report/html_axes.hpp"

#include <cmath>

#include <fmt/format.h>

#include "base/text.hpp"
#include "report/xml_text.hpp"

namespace octet::report::html {

double tick_of(const Range& range) {
    const double wanted = (range.most - range.least) / 8;
    const double power = std::pow(10.0, std::floor(std::log10(wanted)));
    for (const double step : {1.0, 2.0, 5.0}) {
        if (step * power >= wanted) return step * power;
    }
    return 10 * power;
}

Range rounded(double least, double most) {
    if (!(least < most)) {
        const double half = least == 0 ? 1 : std::abs(least) / 10;
        least -= half;
        most += half;
    }
    const double tick = tick_of({least, most});
    return {std::floor(least / tick) * tick, std::ceil(most / tick) * tick};
}

void Axes::begin(Pieces& out, std::string_view label) const {
    out << fmt::format("<figure><svg viewBox=\"0 0 680 340\" role=\"img\" aria-label=\"{}\">\n",
                       markup(label));
}

void Axes::draw(Pieces& out, std::string_view x_title, std::string_view y_title, bool sizes) const {
    const double step_x = tick_of(x_);
    for (double k = std::ceil(x_.least / step_x); k * step_x <= x_.most * (1 + 1e-9); ++k) {
        const double value = k * step_x;
        const std::string text = sizes && value >= 0 ? si_size(static_cast<std::uint64_t>(value))
                                                     : fmt::format("{:.6g}", value);
        out << fmt::format(
            "<path class=\"grid\" d=\"M{0:.1f} {1}V{2}\"/><text x=\"{0:.1f}\" y=\"{3}\" "
            "class=\"middle\">{4}</text>\n",
            x(value), kTop, kTop + kHeight, kTop + kHeight + 18, text);
    }
    const double step_y = tick_of(y_);
    for (double k = std::ceil(y_.least / step_y); k * step_y <= y_.most + 1e-9 * std::abs(y_.most);
         ++k) {
        out << fmt::format(
            "<path class=\"grid\" d=\"M{0} {1:.1f}H{2}\"/><text x=\"{3}\" y=\"{4:.1f}\" "
            "class=\"end\">{5:.6g}</text>\n",
            kLeft, y(k * step_y), kLeft + kWidth, kLeft - 6, y(k * step_y) + 4, k * step_y);
    }
    out << fmt::format("<text x=\"{}\" y=\"{}\" class=\"middle\">{}</text>\n", kLeft + kWidth / 2,
                       kTop + kHeight + 42, x_title);
    out << fmt::format(
        "<text x=\"{0}\" y=\"{1}\" class=\"middle\" transform=\"rotate(-90 {0} {1})\">{2}</text>\n",
        14, kTop + kHeight / 2, y_title);
}

void Axes::end(Pieces& out, std::string_view caption) {
    out << fmt::format("</svg><figcaption>{}</figcaption></figure>\n", markup(caption));
}

std::string dot(double x, double y, std::string_view kind, std::string_view text) {
    return fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\" class=\"{}\"><title>{}</title></circle>\n", x,
        y, kind == "chosen" ? 7 : 4, kind, markup(text));
}

}  // namespace octet::report::html
