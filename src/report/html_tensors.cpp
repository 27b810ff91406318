// The table that the page's script sorts and filters; it is whole without the script, worst first.
#include <fmt/format.h>

#include "base/text.hpp"
#include "report/html_parts.hpp"
#include "report/xml_text.hpp"

namespace octet::report::html {
namespace {

/// Which columns there are.
struct Columns {
    bool before = false;
    bool errors = false;
    bool notes = false;
};

Columns columns_of(const Document& document, const std::vector<std::size_t>& order) {
    Columns columns{document.shows_output, has_errors(document), false};
    for (const std::size_t i : order)
        columns.notes = columns.notes || !document.tensor(i).note.empty();
    return columns;
}

/// `type`: "text" or "number", for the script.
void add_head(Pieces& out, std::string_view name, std::string_view type) {
    out << fmt::format("<th scope=\"col\" class=\"{}\">{}</th>", type, name);
}

std::string figure(const std::optional<double>& value, bool decibels) {
    if (!value) return "<td></td>";
    return decibels ? fmt::format("<td>{:.2f}</td>", *value)
                    : fmt::format("<td>{:.4g}</td>", *value);
}

void add_row(Pieces& out, const TensorRow& t, const Columns& columns) {
    out << fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td>",
                       markup(t.name), markup(t.kind), t.dtype, fmt::join(t.shape, " x "),
                       markup(t.scheme));
    if (columns.before) out << fmt::format("<td>{}</td>", with_commas(t.source_bytes));
    out << fmt::format("<td>{}</td><td>{:.4g}</td>", with_commas(t.output_bytes), bits_each(t));
    if (columns.errors)
        out << figure(t.sqnr_db, true) << figure(t.max_abs_error, false) << figure(t.rmse, false);
    if (columns.notes) out << fmt::format("<td class=\"note\">{}</td>", markup(t.note));
    out << "</tr>\n";
}

}  // namespace

void add_tensors(Pieces& out, const Document& document, const std::vector<std::size_t>& order) {
    if (order.empty()) return;
    const Columns columns = columns_of(document, order);
    const std::string_view first = columns.errors ? "worst first" : "largest first";
    const std::string caption =
        order.size() == document.tensors
            ? fmt::format("All {}, {}", counted(document.tensors, "tensor"), first)
            : fmt::format("{} of {} tensors, {}; the .csv and .json reports have all",
                          with_commas(order.size()), with_commas(document.tensors), first);
    out << "<section id=\"table\"><h2>Tensors</h2>\n<p id=\"filter\" hidden><label "
           "for=\"words\">Show what holds"
           "</label> <input id=\"words\" type=\"search\" autocomplete=\"off\"> <span id=\"shown\" "
           "role=\"status\"></span>"
           "</p>\n<div class=\"wide\" role=\"region\" aria-label=\"Table of tensors\" "
           "tabindex=\"0\">"
           "<table id=\"tensors\"><caption>"
        << caption << "</caption><thead><tr>";
    for (const std::string_view name : {"tensor", "kind", "dtype", "shape", "scheme"})
        add_head(out, name, "text");
    if (columns.before) add_head(out, "bytes before", "number");
    add_head(out, columns.before ? "bytes after" : "bytes", "number");
    add_head(out, "bits each", "number");
    if (columns.errors) {
        for (const std::string_view name : {"SQNR dB", "largest error", "RMSE"})
            add_head(out, name, "number");
    }
    if (columns.notes) add_head(out, "note", "text");
    out << "</tr></thead><tbody>\n";
    for (const std::size_t i : order) add_row(out, document.tensor(i), columns);
    out << "</tbody></table></div></section>\n";
}

}  // namespace octet::report::html
