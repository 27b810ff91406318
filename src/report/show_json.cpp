// The report of show as JSON: what identifies the tensor, what is shown as nested lists, figures.
#include "base/text.hpp"
#include "octet/octet.hpp"
#include "report/json_parts.hpp"
#include "report/show_report.hpp"

namespace octet::report {
namespace {

/// One element; a float32 with all its digits, a float64 too.
void write_element(JsonWriter& writer, const ShownTensor& tensor, std::size_t i) {
    if (is_quantizable(tensor.dtype)) {
        const double value = tensor.floats[i];
        const bool is_wide =
            tensor.dtype == Dtype::kF64 || static_cast<double>(static_cast<float>(value)) != value;
        is_wide ? writer.number(value) : writer.float32(static_cast<float>(value));
    } else if (tensor.dtype == Dtype::kBool) {
        writer.boolean(tensor.integers[i] != 0);
    } else if (tensor.dtype != Dtype::kU64 && tensor.integers[i] < 0) {
        writer.raw(std::to_string(tensor.integers[i]));
    } else {
        writer.integer(static_cast<std::uint64_t>(tensor.integers[i]));
    }
}

void write_level(JsonWriter& writer, const ShownTensor& tensor, std::size_t depth,
                 std::size_t& next) {
    if (depth == tensor.dimensions.size()) return write_element(writer, tensor, next++);
    writer.begin_array();
    for (std::uint64_t i = 0; i < tensor.dimensions[depth].count(); ++i)
        write_level(writer, tensor, depth + 1, next);
    writer.end_array();
}

void write_shown(JsonWriter& writer, std::string_view key,
                 const std::optional<ShownTensor>& tensor) {
    if (!tensor) return;
    std::size_t next = 0;
    const bool is_empty = tensor->floats.empty() && tensor->integers.empty();
    writer.key(key);
    if (is_empty) {
        writer.begin_array().end_array();
    } else {
        write_level(writer, *tensor, 0, next);
    }
}

/// For each dimension the places that are shown.
void write_places(JsonWriter& writer, std::string_view key,
                  const std::optional<ShownTensor>& tensor) {
    if (!tensor) return;
    writer.key(key).begin_array();
    for (const ShownDimension& d : tensor->dimensions) {
        writer.begin_array();
        for (std::uint64_t i = 0; i < d.head; ++i) writer.integer(i);
        for (std::uint64_t i = d.length - d.tail; i < d.length; ++i) writer.integer(i);
        writer.end_array();
    }
    writer.end_array();
}

void write_histogram(JsonWriter& writer, std::string_view key, const ShownHistogram& histogram) {
    writer.key(key).begin_object();
    writer.key("low").number(histogram.low).key("high").number(histogram.high);
    write_numbers(writer, "counts", histogram.counts);
    writer.key("outside").integer(histogram.outside).end_object();
}

void write_figures(JsonWriter& writer, const ValueFigures& f) {
    writer.key("count").integer(f.count).key("non_finite").integer(f.non_finite);
    if (f.count > f.non_finite) {
        writer.key("min").number(f.min).key("max").number(f.max).key("mean").number(f.mean);
    }
    if (f.count > f.non_finite + 1) writer.key("std").number(f.std);
    writer.key("zeros").integer(f.zeros).key("outliers").integer(f.outliers);
}

}  // namespace

std::string show_json(const ShowReport& report) {
    std::string text;
    JsonWriter writer(text, JsonWriter::Style::kLines);
    writer.begin_object();
    writer.key("command").string("show").key("version").string(version());
    writer.key("input").string(json_path(report.input));
    if (!report.source.empty()) writer.key("source").string(json_path(report.source));
    writer.key("format").string(report.format);
    write_identity(writer, report.tensor);
    if (!report.index.empty()) write_numbers(writer, "index", report.index);
    write_places(writer, "shown", report.values ? report.values : report.restored);
    write_shown(writer, "values", report.values);
    write_shown(writer, "codes", report.codes);
    write_shown(writer, "restored", report.restored);
    write_shown(writer, "abs_error", report.errors);
    write_shown(writer, "scale", report.scales);
    write_shown(writer, "zero_point", report.zero_points);
    if (report.scales && !report.scales->dimensions.empty())
        write_places(writer, "shown_blocks", report.scales);
    write_figures(writer, report.figures);
    write_histogram(writer, "histogram", report.histogram);
    if (report.error) {
        writer.key("max_abs_error").statistic(report.error->max_abs_error);
        writer.key("rmse")
            .statistic(report.error->rmse)
            .key("sqnr_db")
            .statistic(report.error->sqnr_db);
    }
    if (report.error_histogram) write_histogram(writer, "error_histogram", *report.error_histogram);
    if (report.npy) {
        writer.key("npy").begin_object().key("name").string(json_path(report.npy->name));
        writer.key("bytes").integer(report.npy->byte_count).end_object();
    }
    writer.key("seconds").statistic(report.seconds);
    writer.end_object();
    return printable_json(text) + "\n";
}

}  // namespace octet::report
