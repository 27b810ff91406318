// --report FILE.md: what one pastes into a pull request or, from quantize, saves as a model card,
// with the front matter that the hub reads. Names stand as code, in which nothing is Markdown.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/octet.hpp"
#include "report/document_parts.hpp"
#include "report/file_formats.hpp"

namespace octet::report {
namespace {

constexpr std::size_t kMostRows = 20;

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Characters that could begin Markdown, HTML, a mention or a link, as references.
std::string escaped(std::string_view text, std::string_view allowed) {
    std::string out;
    for (const char c : visible(text)) {
        const bool makes_link = c == '.' && (out.ends_with("www") || out.ends_with("WWW"));
        const bool is_plain =
            !makes_link && (is_alphanumeric(c) || static_cast<unsigned char>(c) >= 0x80 ||
                            allowed.find(c) != allowed.npos);
        if (is_plain) {
            out += c;
        } else {
            out += fmt::format("&#{};", static_cast<unsigned>(static_cast<unsigned char>(c)));
        }
    }
    return out;
}

/// Words of a sentence or a cell.
std::string words(std::string_view text) {
    return escaped(text, " .,:;()%'+-=\"");
}

/// A name: a span of code, which stays readable; what a span could not hold safely is written in
/// HTML.
std::string code(std::string_view text) {
    constexpr std::string_view kSafe = "._/- ,[]+>";
    const auto is_safe = [&](char c) { return is_alphanumeric(c) || kSafe.find(c) != kSafe.npos; };
    const bool fits = !text.empty() && text.front() != ' ' && text.back() != ' ';
    if (fits && std::all_of(text.begin(), text.end(), is_safe)) return fmt::format("`{}`", text);
    return fmt::format("<code>{}</code>", escaped(text, " .,-/"));
}

std::string front_matter(const Document& document) {
    std::string text = fmt::format("---\n# made by octet {}\n", version());
    if (!document.base_model.empty())
        text +=
            fmt::format("base_model: {}\nbase_model_relation: quantized\n", document.base_model);
    text += "tags:\n- octet\n- quantized\n";
    if (document.format == "gguf") text += "- gguf\n";
    return text + "---\n\n";
}

void add_row(Pieces& out, const std::vector<std::string>& cells) {
    out << fmt::format("| {} |\n", fmt::join(cells, " | "));
}

/// The first columns hold words, `numbers` of them at the end numbers.
void add_head(Pieces& out, std::string_view title, const std::vector<std::string>& columns,
              std::size_t numbers) {
    out << fmt::format("\n## {}\n\n", words(title));
    add_row(out, columns);
    std::vector<std::string> rule(columns.size(), "---");
    std::fill(rule.end() - static_cast<std::ptrdiff_t>(numbers), rule.end(), "---:");
    add_row(out, rule);
}

void add_summary(Pieces& out, const Document& document) {
    out << fmt::format("# octet {}: {}\n\n", document.command, code(document.subject));
    if (!document.checks.empty() || !document.problems.empty())
        out << (passed(document) ? "**Passed.**\n\n" : "**Failed.**\n\n");
    add_row(out, {"what", "value"});
    add_row(out, {"---", "---"});
    for (const Fact& fact : document.facts) add_row(out, {words(fact.name), words(fact.value)});
    add_row(out, {"octet", words(version())});
}

void add_gates(Pieces& out, const Document& document) {
    if (document.checks.empty()) return;
    add_head(out, "Gates", {"gate", "result", "detail", "limit"}, 1);
    for (const Check& check : document.checks)
        add_row(out, {code("--" + check.name), check.passed ? "passed" : "**failed**",
                      words(check.detail), fmt::format("{}", check.limit)});
}

void add_problems(Pieces& out, const Document& document) {
    if (document.problems.empty()) return;
    add_head(out, "Findings", {"where", "what"}, 0);
    const std::size_t shown = std::min<std::size_t>(document.problems.size(), 100);
    for (std::size_t i = 0; i < shown; ++i) {
        const Problem& problem = document.problems[i];
        const std::string& where = problem.tensor.empty() ? problem.file : problem.tensor;
        add_row(out, {where.empty() ? "" : code(where), words(problem.what)});
    }
    if (shown < document.problems.size())
        out << fmt::format("\nand {} more.\n", with_commas(document.problems.size() - shown));
}

void add_kinds(Pieces& out, const Document& document) {
    if (document.tensors == 0) return;
    const bool both = document.shows_output;
    add_head(out, "Size by kind",
             both ? std::vector<std::string>{"kind", "tensors", "parameters", "bytes before",
                                             "bytes after"}
                  : std::vector<std::string>{"kind", "tensors", "parameters", "bytes"},
             both ? 4 : 3);
    for (const auto& [kind, size] : sizes_by_kind(document)) {
        std::vector<std::string> row = {kind, with_commas(size.tensors),
                                        with_commas(size.parameters)};
        if (both) row.push_back(with_commas(size.source_bytes));
        row.push_back(with_commas(size.output_bytes));
        add_row(out, row);
    }
}

void add_tensors(Pieces& out, const Document& document) {
    if (document.tensors == 0) return;
    const bool errors = has_errors(document);
    std::vector<std::size_t> order = worst_first(document, kMostRows);
    if (errors) std::erase_if(order, [&](std::size_t i) { return !document.tensor(i).sqnr_db; });
    add_head(out, errors ? "Worst tensors" : "Largest tensors",
             {"tensor", "scheme", "bits each", "SQNR dB", "largest error", "bytes"}, 4);
    for (const std::size_t i : order) {
        const TensorRow t = document.tensor(i);
        add_row(out, {code(t.name), code(t.scheme), fmt::format("{:.4g}", bits_each(t)),
                      t.sqnr_db ? fmt::format("{:.2f}", *t.sqnr_db) : "",
                      t.max_abs_error ? fmt::format("{:.4g}", *t.max_abs_error) : "",
                      with_commas(t.output_bytes)});
    }
    if (order.size() < document.tensors)
        out << fmt::format("\n{} of {} tensors; the .csv and .json reports have all.\n",
                           order.size(), with_commas(document.tensors));
}

void add_curve(Pieces& out, const Document& document) {
    if (!document.chosen) return;
    add_head(out, "What other sizes can reach", {"bytes", "SQNR dB"}, 2);
    std::vector<CurvePoint> points = document.curve;
    const CurvePoint chosen = *document.chosen;
    std::erase_if(points,
                  [&](const CurvePoint& point) { return point.byte_count == chosen.byte_count; });
    points.push_back(chosen);
    std::sort(points.begin(), points.end(),
              [](const CurvePoint& a, const CurvePoint& b) { return a.byte_count < b.byte_count; });
    for (const CurvePoint& point : points) {
        const std::string mark = point.byte_count == chosen.byte_count ? "**" : "";
        add_row(out, {mark + with_commas(point.byte_count) + mark,
                      fmt::format("{}{:.2f}{}", mark, point.sqnr_db, mark)});
    }
    out << "\nThis plan is in bold.\n";
}

void add_tables(Pieces& out, const Document& document) {
    for (const Table& table : document.tables) {
        add_head(out, table.title, table.columns, 0);
        for (const std::vector<std::string>& row : table.rows) {
            std::vector<std::string> cells = {code(row.front())};
            for (std::size_t i = 1; i < row.size(); ++i) cells.push_back(words(row[i]));
            add_row(out, cells);
        }
    }
}

}  // namespace

void write_markdown_file(const Document& document, const TextSink& sink) {
    Pieces out(sink);
    if (document.command == "quantize") out << front_matter(document);
    add_summary(out, document);
    add_gates(out, document);
    add_problems(out, document);
    add_kinds(out, document);
    add_tensors(out, document);
    add_curve(out, document);
    add_tables(out, document);
    out.flush();
}

}  // namespace octet::report
