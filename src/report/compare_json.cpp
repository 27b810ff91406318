// The report of compare as JSON: structure first, then pairs in A's order, totals and checks.
#include "base/text.hpp"
#include "octet/octet.hpp"
#include "report/json_parts.hpp"
#include "report/model_report.hpp"
#include "report/report_options.hpp"

namespace octet::report {
namespace {

void write_differences(JsonWriter& writer, const Differences& d) {
    writer.key("sqnr_db").statistic(d.sqnr_db).key("rmse").statistic(d.rmse);
    writer.key("max_abs_error").statistic(d.max_abs_error);
    if (d.max_at) write_numbers(writer, "max_at", *d.max_at);
    writer.key("cosine").statistic(d.cosine);
    if (d.srmse) writer.key("srmse").statistic(*d.srmse);
    writer.key("sign_flips").integer(d.sign_flips).key("to_zero").integer(d.to_zero);
    if (!d.histogram) return;
    writer.key("histogram").begin_object().key("edges").begin_array();
    for (const double edge : d.histogram->edges) writer.number(edge);
    writer.end_array();
    write_numbers(writer, "counts", d.histogram->counts);
    writer.end_object();
}

void write_tensor(JsonWriter& writer, const TensorComparison& t) {
    writer.begin_object();
    write_identity(writer, t);
    writer.key("source_bytes").integer(t.source_bytes).key("output_bytes").integer(t.output_bytes);
    if (t.scale) writer.key("scale").float32(*t.scale);
    if (t.zero_point) writer.key("zero_point").float32(*t.zero_point);
    if (t.differences) write_differences(writer, *t.differences);
    writer.end_object();
}

void write_names(JsonWriter& writer, std::string_view key, const std::vector<std::string>& names) {
    writer.key(key).begin_array();
    for (const std::string& name : names) writer.string(name);
    writer.end_array();
}

void write_judgement(JsonWriter& writer, const TextJudgement& judgement) {
    writer.key("evaluation").begin_object();
    if (judgement.evaluation) write_evaluation(writer, *judgement.evaluation);
    if (!judgement.evaluation) writer.key("not_run").string(json_path(judgement.not_run));
    writer.end_object();
}

}  // namespace

std::string compare_json(const CompareReport& report, const TextSink& sink,
                         const TextJudgement* judgement) {
    std::string text;
    JsonWriter writer(text, JsonWriter::Style::kLines, printable_sink(sink));
    writer.begin_object();
    writer.key("command").string("compare").key("version").string(version());
    writer.key("input")
        .string(json_path(report.input))
        .key("output")
        .string(json_path(report.output));
    writer.key("input_format")
        .string(report.input_format)
        .key("output_format")
        .string(report.output_format);
    write_totals(writer, report.totals);
    writer.key("tensors").begin_array();
    for (const TensorComparison& tensor : report.tensors) write_tensor(writer, tensor);
    writer.end_array();
    write_names(writer, "missing", report.missing);
    write_names(writer, "extra", report.extra);
    write_names(writer, "dropped", report.dropped);
    writer.key("changed").begin_array();
    for (const TensorChange& change : report.changed)
        writer.begin_object()
            .key("name")
            .string(change.name)
            .key("what")
            .string(change.what)
            .end_object();
    writer.end_array();
    if (judgement != nullptr) write_judgement(writer, *judgement);
    write_checks(writer, report.checks);
    writer.key("seconds").statistic(report.seconds);
    write_failure(writer, failure(report));
    writer.end_object();
    return printable_json(text) + "\n";
}

}  // namespace octet::report
