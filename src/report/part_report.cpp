// A line, or an object in the manner of the other reports.
#include "report/part_report.hpp"

#include <fmt/format.h>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "octet/octet.hpp"
#include "report/json_parts.hpp"

namespace octet::report {

std::string part_summary(const PartReport& report) {
    return fmt::format("{}  part {} of {}: {}, {} of the source{}\n", printable(report.output),
                       report.part.number, report.part.count, counted(report.tensors, "tensor"),
                       si_size(report.source_bytes), report.was_done ? "; done before" : "");
}

std::string part_json(const PartReport& report) {
    std::string text;
    JsonWriter writer(text, JsonWriter::Style::kLines);
    writer.begin_object();
    writer.key("command").string("quantize").key("version").string(version());
    writer.key("input").string(json_path(report.input));
    writer.key("output").string(json_path(report.output));
    writer.key("part").begin_object();
    writer.key("number").integer(report.part.number).key("count").integer(report.part.count);
    writer.key("tensors").integer(report.tensors);
    writer.key("source_bytes").integer(report.source_bytes);
    writer.key("was_done").boolean(report.was_done);
    writer.end_object();
    writer.key("seconds").statistic(report.seconds);
    writer.end_object();
    return printable_json(text) + "\n";
}

std::string discard_json(const std::string& output) {
    std::string text;
    JsonWriter writer(text, JsonWriter::Style::kLines);
    writer.begin_object();
    writer.key("command").string("join").key("version").string(version());
    writer.key("output").string(json_path(output)).key("discarded").boolean(true);
    writer.end_object();
    return printable_json(text) + "\n";
}

}  // namespace octet::report
