// The report of verify as JSON: findings with file and tensor.
#include "base/text.hpp"
#include "octet/octet.hpp"
#include "report/json_parts.hpp"
#include "report/verify_report.hpp"

namespace octet::report {

std::string verify_json(const VerifyReport& report, const TextSink& sink) {
    std::string text;
    JsonWriter writer(text, JsonWriter::Style::kLines, printable_sink(sink));
    writer.begin_object();
    writer.key("command").string("verify").key("version").string(version());
    writer.key("input").string(json_path(report.input)).key("output").string("");
    if (!report.source.empty()) writer.key("source").string(json_path(report.source));
    write_totals(writer, report.totals);
    write_tensors(writer, report.tensors);
    write_checks(writer, {});
    writer.key("findings").begin_array();
    for (const Finding& finding : report.findings) {
        writer.begin_object();
        writer.key("file").string(json_path(finding.file)).key("tensor").string(finding.tensor);
        writer.key("what").string(json_path(finding.what));
        writer.end_object();
    }
    writer.end_array();
    if (!report.findings.empty()) write_error(writer, 1, verify_failure(report));
    writer.key("seconds").statistic(report.seconds);
    writer.end_object();
    return printable_json(text) + "\n";
}

}  // namespace octet::report
