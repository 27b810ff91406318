// --report FILE.html: one page that needs nothing else and asks no network for anything; its policy
// forbids that, and any script and style but the page's own. Everything is there without the
// script.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/octet.hpp"
#include "report/document_parts.hpp"
#include "report/file_formats.hpp"
#include "report/html_parts.hpp"
#include "report/xml_text.hpp"

namespace octet::report {
namespace {

constexpr std::size_t kMostRows = 1000;

void add_beginning(Pieces& out, const Document& document) {
    const std::string title =
        fmt::format("octet {}: {}", document.command, markup(document.subject));
    out << fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"generator\" content=\"octet {}\">\n",
        version());
    out << fmt::format("<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n",
                       html::kPolicy);
    out << fmt::format(
        "<meta name=\"viewport\" content=\"width=device-width, "
        "initial-scale=1\">\n<title>{}</title>\n",
        title);
    out << "<style>" << html::kStyle << "</style></head>\n<body>\n";
    if (document.tensors > 0)
        out << "<a class=\"skip\" href=\"#table\">To the table of tensors</a>\n";
    out << fmt::format("<header><h1>{}</h1>\n", title);
    if (!document.checks.empty() || !document.problems.empty())
        out << (passed(document) ? "<p class=\"passed\">Passed</p>\n"
                                 : "<p class=\"failed\">Failed</p>\n");
    out << "</header>\n<main>\n";
}

void add_summary(Pieces& out, const Document& document) {
    out << "<section><h2>Summary</h2><dl>\n";
    for (const Fact& fact : document.facts)
        out << fmt::format("<dt>{}</dt><dd>{}</dd>\n", markup(fact.name), markup(fact.value));
    out << "</dl></section>\n";
}

void add_gates(Pieces& out, const Document& document) {
    if (document.checks.empty()) return;
    out << "<section><h2>Gates</h2><table><caption>What was asked for, and what "
           "is</caption><thead><tr>"
           "<th scope=\"col\">gate</th><th scope=\"col\">result</th><th scope=\"col\">limit</th>"
           "<th scope=\"col\">detail</th></tr></thead><tbody>\n";
    for (const Check& check : document.checks)
        out << fmt::format(
            "<tr><th scope=\"row\">--{0}</th><td "
            "class=\"{1}\">{1}</td><td>{2}</td><td>{3}</td></tr>\n",
            markup(check.name), check.passed ? "passed" : "failed", check.limit,
            markup(check.detail));
    out << "</tbody></table></section>\n";
}

void add_problems(Pieces& out, const Document& document) {
    if (document.problems.empty()) return;
    const std::size_t shown = std::min(kMostRows, document.problems.size());
    out << fmt::format(
        "<section><h2>Findings</h2><div class=\"wide\" role=\"region\" aria-label=\"Findings\" "
        "tabindex=\"0\"><table><caption>{} of {}</caption><thead><tr><th scope=\"col\">where</th>"
        "<th scope=\"col\">what</th></tr></thead><tbody>\n",
        with_commas(shown), counted(document.problems.size(), "finding"));
    for (std::size_t i = 0; i < shown; ++i) {
        const Problem& problem = document.problems[i];
        const std::string between = problem.file.empty() || problem.tensor.empty() ? "" : ": ";
        out << fmt::format("<tr><th scope=\"row\">{}{}{}</th><td>{}</td></tr>\n",
                           markup(problem.file), between, markup(problem.tensor),
                           markup(problem.what));
    }
    out << "</tbody></table></div></section>\n";
}

void add_table(Pieces& out, const Table& table) {
    const std::size_t shown = std::min(kMostRows, table.rows.size());
    out << fmt::format(
        "<section><h2>{0}</h2><div class=\"wide\" role=\"region\" aria-label=\"{0}\" "
        "tabindex=\"0\">"
        "<table><caption>{0}, {1} of {2}</caption><thead><tr>",
        markup(table.title), with_commas(shown), with_commas(table.rows.size()));
    for (const std::string& column : table.columns)
        out << fmt::format("<th scope=\"col\">{}</th>", markup(column));
    out << "</tr></thead><tbody>\n";
    for (std::size_t i = 0; i < shown; ++i) {
        out << fmt::format("<tr><th scope=\"row\">{}</th>", markup(table.rows[i].front()));
        for (std::size_t j = 1; j < table.rows[i].size(); ++j)
            out << fmt::format("<td>{}</td>", markup(table.rows[i][j]));
        out << "</tr>\n";
    }
    out << "</tbody></table></div></section>\n";
}

}  // namespace

void write_html_file(const Document& document, const TextSink& sink) {
    Pieces out(sink);
    const std::vector<std::size_t> order = worst_first(document, kMostRows);
    add_beginning(out, document);
    add_summary(out, document);
    add_gates(out, document);
    add_problems(out, document);
    html::add_sizes(out, document);
    html::add_curve(out, document);
    html::add_scatter(out, document, order);
    html::add_layers(out, document);
    html::add_tensors(out, document, order);
    for (const Table& table : document.tables) add_table(out, table);
    out << fmt::format("</main>\n<footer>octet {}, {:.3g} s</footer>\n<script>", version(),
                       document.seconds);
    out << html::kScript << "</script>\n</body></html>\n";
    out.flush();
}

}  // namespace octet::report
