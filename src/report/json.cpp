// The report of quantize, dequantize and inspect as JSON, and an error as JSON. Lists of tensors go
// to the sink in pieces.
#include <algorithm>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "octet/octet.hpp"
#include "report/json_parts.hpp"
#include "report/report_options.hpp"

namespace octet::report {
namespace {

void write_shares(JsonWriter& writer, std::string_view key, const Shares& shares) {
    writer.key(key).begin_object();
    for (const auto& [name, share] : shares) {
        writer.key(name).begin_object();
        writer.key("tensors")
            .integer(share.tensors)
            .key("parameters")
            .integer(share.parameters)
            .key("bytes")
            .integer(share.byte_count);
        writer.end_object();
    }
    writer.end_object();
}

}  // namespace

std::string json(const Report& report, const ReportOptions& options, const TextSink& sink) {
    std::string text;
    JsonWriter writer(text, JsonWriter::Style::kLines, printable_sink(sink));
    writer.begin_object();
    writer.key("command").string(options.command).key("version").string(version());
    writer.key("input")
        .string(json_path(report.input))
        .key("output")
        .string(json_path(report.output));
    if (!report.format.empty()) writer.key("format").string(report.format);
    if (options.command == "inspect") {
        writer.key("metadata").begin_object();
        for (const auto& [key, value] : report.metadata) writer.key(key).string(value);
        writer.end_object();
    }
    writer.key("totals").begin_object();
    write_total_keys(writer, report.totals);
    if (options.command == "inspect") {
        write_shares(writer, "by_dtype", shares_by_dtype(report));
        write_shares(writer, "by_kind", shares_by_kind(report));
    }
    writer.end_object();
    writer.key("tensors").begin_array();
    std::vector<std::uint32_t> order = options.shown;
    std::sort(order.begin(), order.end());
    for (const std::uint32_t i : order) write_tensor(writer, report.tensors[i]);
    writer.end_array();
    write_checks(writer, report.checks);
    if (options.command != "inspect") {
        write_companions(writer, report.companions, report.left_out);
        write_files(writer, report.written ? report.output_files : std::vector<FileReport>());
    }
    if (!report.hint.empty()) writer.key("hint").string(report.hint);
    writer.key("seconds").statistic(report.seconds);
    write_failure(writer, failure(report));
    writer.end_object();
    return printable_json(text) + "\n";
}

std::string json_error(const std::string& command, const std::string& input,
                       const std::string& output, int code, const std::string& message) {
    std::string text;
    JsonWriter writer(text);
    writer.begin_object();
    writer.key("command").string(command).key("version").string(version());
    writer.key("input").string(json_path(input)).key("output").string(json_path(output));
    write_error(writer, code, message);
    writer.end_object();
    return printable_json(text) + "\n";
}

}  // namespace octet::report
