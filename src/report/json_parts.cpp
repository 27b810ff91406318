// Each function writes the members that it names; keys are those of docs/cli.md and stay.
#include "report/json_parts.hpp"

#include "base/text.hpp"
#include "octet/octet.hpp"

namespace octet::report {

std::string json_path(const std::string& path) {
    return is_utf8(path) ? path : printable(path);
}

TextSink printable_sink(const TextSink& sink) {
    if (!sink) return {};
    return [&sink](std::string_view piece) { sink(printable_json(piece)); };
}

void write_numbers(JsonWriter& writer, std::string_view key,
                   const std::vector<std::uint64_t>& numbers) {
    writer.key(key).begin_array();
    for (const std::uint64_t number : numbers) writer.integer(number);
    writer.end_array();
}

void write_totals(JsonWriter& writer, const Totals& totals) {
    writer.key("totals").begin_object();
    write_total_keys(writer, totals);
    writer.end_object();
}

void write_total_keys(JsonWriter& writer, const Totals& t) {
    writer.key("tensors")
        .integer(t.tensors)
        .key("quantized")
        .integer(t.quantized)
        .key("kept")
        .integer(t.kept);
    writer.key("parameters").integer(t.parameters);
    writer.key("source_bytes").integer(t.source_bytes).key("output_bytes").integer(t.output_bytes);
    writer.key("state_bytes").integer(t.state_bytes);
    if (t.bits_per_weight) writer.key("bits_per_weight").statistic(*t.bits_per_weight);
    if (t.sqnr_db) writer.key("sqnr_db").statistic(*t.sqnr_db);
    if (t.sqnr_db_with_buffers)
        writer.key("sqnr_db_with_buffers").statistic(*t.sqnr_db_with_buffers);
    if (t.max_abs_error) writer.key("max_abs_error").statistic(*t.max_abs_error);
    if (t.narrowed_max_abs_error)
        writer.key("narrowed_max_abs_error").statistic(*t.narrowed_max_abs_error);
    writer.key("framework_bytes").integer(t.framework_bytes);
    if (t.source_framework_bytes)
        writer.key("source_framework_bytes").integer(*t.source_framework_bytes);
}

void write_tensor(JsonWriter& writer, const TensorReport& t) {
    writer.begin_object();
    write_identity(writer, t);
    if (!t.stored_name.empty()) writer.key("stored_name").string(t.stored_name);
    if (!t.same_as.empty()) writer.key("same_as").string(t.same_as);
    if (!t.reason.empty()) writer.key("reason").string(t.reason);
    writer.key("source_bytes").integer(t.source_bytes).key("output_bytes").integer(t.output_bytes);
    if (t.scale) writer.key("scale").float32(*t.scale);
    if (t.zero_point) writer.key("zero_point").float32(*t.zero_point);
    if (t.statistics) {
        writer.key("sqnr_db")
            .statistic(t.statistics->sqnr_db)
            .key("rmse")
            .statistic(t.statistics->rmse);
        writer.key("max_abs_error")
            .statistic(t.statistics->max_abs_error)
            .key("bound")
            .statistic(t.statistics->bound);
        writer.key("clipped").integer(t.statistics->clipped);
    }
    if (t.narrowed_max_abs_error)
        writer.key("narrowed_max_abs_error").statistic(*t.narrowed_max_abs_error);
    writer.end_object();
}

void write_tensors(JsonWriter& writer, const std::vector<TensorReport>& tensors) {
    writer.key("tensors").begin_array();
    for (const TensorReport& tensor : tensors) write_tensor(writer, tensor);
    writer.end_array();
}

void write_checks(JsonWriter& writer, const std::vector<Check>& checks) {
    writer.key("checks").begin_array();
    for (const Check& check : checks) {
        writer.begin_object().key("name").string(check.name);
        writer.key("limit").number(check.limit).key("value").number(check.value);
        writer.key("passed").boolean(check.passed).end_object();
    }
    writer.end_array();
}

void write_companions(JsonWriter& writer, const std::vector<std::string>& copied,
                      const std::vector<LeftOut>& left_out) {
    writer.key("companions").begin_object().key("copied").begin_array();
    for (const std::string& name : copied) writer.string(json_path(name));
    writer.end_array().key("left_out").begin_array();
    for (const LeftOut& one : left_out)
        writer.begin_object()
            .key("name")
            .string(json_path(one.name))
            .key("why")
            .string(one.why)
            .end_object();
    writer.end_array().end_object();
}

void write_files(JsonWriter& writer, const std::vector<FileReport>& files) {
    writer.key("files").begin_array();
    for (const FileReport& file : files) {
        writer.begin_object()
            .key("name")
            .string(json_path(file.name))
            .key("bytes")
            .integer(file.byte_count);
        if (!file.sha256.empty()) writer.key("sha256").string(file.sha256);
        writer.end_object();
    }
    writer.end_array();
}

void write_error(JsonWriter& writer, int code, const std::string& message) {
    writer.key("error").begin_object();
    writer.key("code")
        .integer(static_cast<std::uint64_t>(code))
        .key("message")
        .string(json_path(message));
    writer.end_object();
}

void write_failure(JsonWriter& writer, const std::optional<std::string>& message) {
    if (message) write_error(writer, static_cast<int>(ErrorCode::kCheckFailed), *message);
}

}  // namespace octet::report
