// The document of compare: pairs are rows; what is missing, extra or changed are problems.
#include <fmt/format.h>

#include "base/text.hpp"
#include "report/document_parts.hpp"
#include "report/text_parts.hpp"

namespace octet::report {
namespace {

TensorRow row_of(const TensorComparison& t) {
    TensorRow row;
    row.name = t.name;
    row.kind = kind_name(t.kind);
    row.dtype = dtype_name(t.dtype);
    row.scheme = !t.type.empty() ? std::string(t.type.view())
                 : t.scheme      ? scheme_name(*t.scheme)
                                 : "keep";
    row.shape = t.shape;
    row.parameters = element_count(t.shape).value_or(0);
    row.source_bytes = t.source_bytes;
    row.output_bytes = t.output_bytes;
    if (t.differences) {
        row.sqnr_db = t.differences->sqnr_db;
        row.rmse = t.differences->rmse;
        row.max_abs_error = t.differences->max_abs_error;
        row.cosine = t.differences->cosine;
    }
    return row;
}

void add_problems(Document& document, const CompareReport& report) {
    for (const std::string& name : report.missing)
        document.problems.push_back({"", name, "missing in B"});
    for (const std::string& name : report.extra)
        document.problems.push_back({"", name, "in B alone"});
    for (const TensorChange& change : report.changed)
        document.problems.push_back({"", change.name, change.what, !change.dtype_only});
    for (const std::string& name : report.dropped)
        document.problems.push_back(
            {"", name, "the format of the other has no place for it", false});
}

}  // namespace

Document document_of(const CompareReport& report) {
    Document document{.command = "compare"};
    document.subject = base_name(report.input) + " with " + base_name(report.output);
    const Totals& t = report.totals;
    document.facts = {
        {"A", fmt::format("{}, {}", base_name(report.input), full_size(t.source_bytes))},
        {"B", fmt::format("{}, {}", base_name(report.output), full_size(t.output_bytes))},
        {"compared",
         fmt::format("{}, {} parameters", counted(t.tensors, "tensor"), with_commas(t.parameters))},
    };
    if (t.sqnr_db) document.facts.push_back({"SQNR", decibels(*t.sqnr_db)});
    if (t.max_abs_error)
        document.facts.push_back({"largest error", statistic_text(*t.max_abs_error)});
    document.tensors = report.tensors.size();
    document.tensor = [&report](std::size_t i) { return row_of(report.tensors[i]); };
    document.checks = report.checks;
    add_problems(document, report);
    document.seconds = report.seconds;
    document.json = [&report](const TextSink& sink) { return compare_json(report, sink); };
    return document;
}

}  // namespace octet::report
