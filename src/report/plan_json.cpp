// The report of plan as JSON: decisions with their reasons, the planner's curve, the schemes that
// there are.
#include "base/text.hpp"
#include "octet/octet.hpp"
#include "report/json_parts.hpp"
#include "report/plan_report.hpp"

namespace octet::report {
namespace {

void write_tensor(JsonWriter& writer, const TensorReport& t, const PlanReason& why) {
    writer.begin_object();
    write_identity(writer, t);
    if (!t.stored_name.empty()) writer.key("stored_name").string(t.stored_name);
    if (!t.same_as.empty()) writer.key("same_as").string(t.same_as);
    writer.key("rule")
        .string(why.rule)
        .key("reason")
        .string(why.reason)
        .key("change")
        .string(why.change);
    writer.key("source_bytes").integer(t.source_bytes).key("output_bytes").integer(t.output_bytes);
    if (t.statistics) {
        writer.key("sqnr_db")
            .statistic(t.statistics->sqnr_db)
            .key("rmse")
            .statistic(t.statistics->rmse);
        writer.key("max_abs_error").statistic(t.statistics->max_abs_error);
    }
    if (const auto bits = bits_per_weight(t)) writer.key("bits_per_weight").statistic(*bits);
    writer.end_object();
}

void write_planner(JsonWriter& writer, const std::optional<PlannerReport>& planner) {
    if (planner) {
        writer.key("planner").begin_object().key("sqnr_db").statistic(planner->sqnr_db);
        if (planner->over_bound) writer.key("over_bound").statistic(*planner->over_bound);
        writer.end_object();
    }
    writer.key("curve").begin_array();
    for (const CurvePoint& point : planner ? planner->curve : std::vector<CurvePoint>{})
        writer.begin_object()
            .key("bytes")
            .integer(point.byte_count)
            .key("sqnr_db")
            .statistic(point.sqnr_db)
            .end_object();
    writer.end_array();
}

}  // namespace

std::string schemes_json(const std::vector<Scheme>& schemes) {
    std::string text;
    JsonWriter writer(text, JsonWriter::Style::kLines);
    writer.begin_object();
    writer.key("command").string("plan").key("version").string(version());
    writer.key("schemes").begin_array();
    for (const Scheme& scheme : schemes) writer.string(scheme_name(scheme));
    writer.end_array();
    writer.end_object();
    return printable_json(text) + "\n";
}

std::string plan_json(const PlanReport& report, const TextSink& sink) {
    std::string text;
    JsonWriter writer(text, JsonWriter::Style::kLines, printable_sink(sink));
    writer.begin_object();
    writer.key("command").string("plan").key("version").string(version());
    writer.key("input").string(json_path(report.input)).key("output").string("");
    if (!report.format.empty()) writer.key("format").string(report.format);
    write_totals(writer, report.totals);
    writer.key("free_space_bytes").integer(report.free_space_bytes);
    writer.key("scanned").boolean(report.scanned);
    writer.key("depends_on_values").boolean(report.depends_on_values);
    writer.key("tensors").begin_array();
    for (std::size_t i = 0; i < report.tensors.size(); ++i)
        write_tensor(writer, report.tensors[i], report.reasons[report.reason_of[i]]);
    writer.end_array();
    writer.key("files").begin_array();
    for (const FileReport& file : report.output_files) {
        writer.begin_object().key("name").string(json_path(file.name));
        writer.key("bytes").integer(file.byte_count).end_object();
    }
    writer.end_array();
    write_planner(writer, report.planner);
    writer.key("checks").begin_array().end_array();
    writer.key("seconds").statistic(report.seconds);
    writer.end_object();
    return printable_json(text) + "\n";
}

}  // namespace octet::report
