// Sizes by kind, SQNR against bits, and the planner's curve.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/text.hpp"
#include "report/html_axes.hpp"
#include "report/html_parts.hpp"
#include "report/xml_text.hpp"

namespace octet::report::html {
namespace {

/// A bar of `byte_count` bytes, `most` of which take all of the width.
std::string bar(double y, std::uint64_t byte_count, std::uint64_t most, std::string_view kind) {
    constexpr double kBarWidth = 440;
    const double width =
        most == 0 ? 0 : kBarWidth * static_cast<double>(byte_count) / static_cast<double>(most);
    return fmt::format(
        "<rect x=\"90\" y=\"{0:.1f}\" width=\"{1:.1f}\" height=\"13\" class=\"{2}\"/>"
        "<text x=\"{3:.1f}\" y=\"{4:.1f}\">{5}</text>\n",
        y, width, kind, 96 + width, y + 11, si_size(byte_count));
}

void add_bars(Pieces& out, const std::map<std::string, KindSize>& sizes, bool both) {
    std::uint64_t most = 0;
    for (const auto& [kind, size] : sizes)
        most = std::max({most, both ? size.source_bytes : 0, size.output_bytes});
    out << fmt::format(
        "<figure><svg viewBox=\"0 0 680 {}\" role=\"img\" aria-label=\"{}; the table below has the "
        "numbers\">\n",
        sizes.size() * 40 + 4, both ? "Bytes before and after, by kind" : "Bytes by kind");
    double y = 4;
    for (const auto& [kind, size] : sizes) {
        out << fmt::format("<text x=\"84\" y=\"{}\" class=\"end\">{}</text>\n",
                           y + (both ? 20 : 12), markup(kind));
        if (both) out << bar(y, size.source_bytes, most, "before");
        out << bar(both ? y + 16 : y, size.output_bytes, most, "after");
        y += 40;
    }
    Axes::end(out, both ? "Upper bars: before. Lower bars: after." : "Bytes as they are stored.");
}

}  // namespace

void add_sizes(Pieces& out, const Document& document) {
    if (document.tensors == 0) return;
    const bool both = document.shows_output;
    const std::map<std::string, KindSize> sizes = sizes_by_kind(document);
    out << "<section><h2>Size by kind</h2>\n";
    add_bars(out, sizes, both);
    out << "<table class=\"numbers\"><caption>Tensors and bytes by kind</caption><thead><tr><th "
           "scope=\"col\">kind</th>"
           "<th scope=\"col\">tensors</th><th scope=\"col\">parameters</th>";
    out << (both ? "<th scope=\"col\">bytes before</th><th scope=\"col\">bytes after</th>"
                 : "<th scope=\"col\">bytes</th>");
    out << "</tr></thead><tbody>\n";
    for (const auto& [kind, size] : sizes) {
        out << fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td>", markup(kind),
                           with_commas(size.tensors), with_commas(size.parameters));
        if (both) out << fmt::format("<td>{}</td>", with_commas(size.source_bytes));
        out << fmt::format("<td>{}</td></tr>\n", with_commas(size.output_bytes));
    }
    out << "</tbody></table></section>\n";
}

void add_scatter(Pieces& out, const Document& document, const std::vector<std::size_t>& order) {
    struct Point {
        double bits;
        double sqnr_db;
        std::string text;
    };
    std::vector<Point> points;
    for (const std::size_t i : order) {
        const TensorRow t = document.tensor(i);
        if (!t.sqnr_db || !std::isfinite(*t.sqnr_db)) continue;
        points.push_back({bits_each(t), *t.sqnr_db,
                          fmt::format("{}: {:.2f} dB, {:.4g} bits, {}", t.name, *t.sqnr_db,
                                      bits_each(t), t.scheme)});
    }
    if (points.empty()) return;
    const auto [low, high] =
        std::minmax_element(points.begin(), points.end(),
                            [](const Point& a, const Point& b) { return a.sqnr_db < b.sqnr_db; });
    double most_bits = 8;
    for (const Point& point : points) most_bits = std::max(most_bits, point.bits);
    const Axes axes(rounded(0, most_bits), rounded(low->sqnr_db, high->sqnr_db));
    out << "<section><h2>SQNR against bits</h2>\n";
    axes.begin(
        out, fmt::format(
                 "SQNR against bits of {}, from {:.2f} to {:.2f} dB; the table of tensors has the "
                 "numbers",
                 counted(points.size(), "tensor"), low->sqnr_db, high->sqnr_db));
    axes.draw(out, "bits per parameter, state included", "SQNR, dB", false);
    for (const Point& point : points)
        out << dot(axes.x(point.bits), axes.y(point.sqnr_db), "point", point.text);
    Axes::end(out,
              "Each dot is a tensor: higher is closer to the original, further left is smaller. 6 "
              "dB are half "
              "the error.");
    out << "</section>\n";
}

void add_curve(Pieces& out, const Document& document) {
    if (!document.chosen) return;
    const CurvePoint chosen = *document.chosen;
    std::vector<CurvePoint> points;
    for (const CurvePoint& point : document.curve) {
        if (std::isfinite(point.sqnr_db)) points.push_back(point);
    }
    if (!std::isfinite(chosen.sqnr_db)) return;
    Range x{static_cast<double>(chosen.byte_count), static_cast<double>(chosen.byte_count)};
    Range y{chosen.sqnr_db, chosen.sqnr_db};
    for (const CurvePoint& point : points) {
        x = {std::min(x.least, static_cast<double>(point.byte_count)),
             std::max(x.most, static_cast<double>(point.byte_count))};
        y = {std::min(y.least, point.sqnr_db), std::max(y.most, point.sqnr_db)};
    }
    const Axes axes(rounded(x.least, x.most), rounded(y.least, y.most));
    const auto text = [](const CurvePoint& point) {
        return fmt::format("{} bytes: {:.2f} dB", with_commas(point.byte_count), point.sqnr_db);
    };
    out << "<section><h2>What other sizes can reach</h2>\n";
    axes.begin(out, "SQNR against size of the data files; this plan is " + text(chosen));
    axes.draw(out, "size of the data files", "SQNR, dB", true);
    std::string path;
    for (const CurvePoint& point : points)
        path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L",
                            axes.x(static_cast<double>(point.byte_count)), axes.y(point.sqnr_db));
    if (!path.empty()) out << fmt::format("<path class=\"line\" d=\"{}\"/>\n", path);
    for (const CurvePoint& point : points)
        out << dot(axes.x(static_cast<double>(point.byte_count)), axes.y(point.sqnr_db), "point",
                   text(point));
    out << dot(axes.x(static_cast<double>(chosen.byte_count)), axes.y(chosen.sqnr_db), "chosen",
               "this plan, " + text(chosen));
    Axes::end(out, "The large dot is this plan: " + text(chosen) + ".");
    out << "<table class=\"numbers\"><caption>Sizes and what they reach</caption><thead><tr><th "
           "scope=\"col\">bytes"
           "</th><th scope=\"col\">SQNR dB</th></tr></thead><tbody>\n";
    for (const CurvePoint& point : points)
        out << fmt::format("<tr><th scope=\"row\">{}</th><td>{:.2f}</td></tr>\n",
                           with_commas(point.byte_count), point.sqnr_db);
    out << "</tbody></table></section>\n";
}

}  // namespace octet::report::html
