// The reports of quantize, dequantize and inspect for people: the worst tensors or all of them,
// what was kept and why, files, totals.
#include <algorithm>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "base/text.hpp"
#include "report/report_options.hpp"
#include "report/text_table.hpp"

namespace octet::report {
namespace {

constexpr std::size_t kWorstShown = 5;

/// Quantized tensors, worst SQNR first, those in `shown`.
std::vector<std::uint32_t> worst_tensors(const Report& report) {
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < report.tensors.size(); ++i) {
        if (report.tensors[i].statistics) order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        return report.tensors[a].statistics->sqnr_db < report.tensors[b].statistics->sqnr_db;
    });
    if (order.size() > kWorstShown) order.resize(kWorstShown);
    return order;
}

std::vector<std::string_view> names_of(const Report& report,
                                       const std::vector<std::uint32_t>& order) {
    std::vector<std::string_view> names;
    for (const std::uint32_t i : order) names.push_back(report.tensors[i].name);
    return names;
}

std::string scheme_of(const TensorReport& tensor) {
    if (!tensor.type.empty()) return std::string(tensor.type.view());
    return tensor.scheme ? scheme_name(*tensor.scheme) : "keep";
}

void add_quality_table(Lines& lines, const Report& report,
                       const std::vector<std::uint32_t>& order) {
    add_table(lines, {names_of(report, order),
                      34,
                      {{"scheme", 9, true}, {"SQNR dB", 8}, {"max error", 11}, {"bound", 11}},
                      [&](std::size_t row) -> std::vector<std::string> {
                          const TensorReport& t = report.tensors[order[row]];
                          if (!t.statistics) return {scheme_of(t), "-", "-", "-"};
                          const TensorStatistics& s = *t.statistics;
                          return {scheme_of(t), fmt::format("{:.2f}", s.sqnr_db),
                                  fmt::format("{:.5g}", s.max_abs_error),
                                  fmt::format("{:.5g}", s.bound)};
                      }});
}

void add_kept(Lines& lines, const Report& report) {
    std::map<std::string, std::pair<std::uint64_t, std::string>> reasons;  // count and first name
    for (const TensorReport& t : report.tensors) {
        if (t.scheme || t.reason.empty() || !t.type.empty()) continue;
        auto& [count, first] = reasons[short_reason(t.reason)];
        if (count++ == 0) first = t.name;
    }
    for (const auto& [reason, kept] : reasons) {
        const std::string more =
            kept.first > 1 ? fmt::format(" and {} more", with_commas(kept.first - 1)) : "";
        lines.fact("kept", fmt::format("{}: {}{}", reason, fitted(kept.second, 36), more));
    }
}

void add_files(Lines& lines, const Report& report) {
    for (const FileReport& file : report.output_files) {
        lines.fact("wrote", fmt::format("{:<40} {:>15} bytes", fitted(file.name, 40),
                                        with_commas(file.byte_count)));
    }
}

void add_error_facts(Lines& lines, const Report& report) {
    const Totals& t = report.totals;
    add_sqnr(lines, t);
    if (t.max_abs_error) lines.fact("max error", fmt::format("{:.6g}", *t.max_abs_error));
    if (t.narrowed_max_abs_error)
        lines.fact("", fmt::format("at most {:.6g} after narrowing", *t.narrowed_max_abs_error));
}

void add_run_report(Lines& lines, const Report& report, const ReportOptions& options) {
    const Totals& t = report.totals;
    const bool quantized = options.command == "quantize" || options.command == "join";
    const std::string_view done = !report.written ? "not written:"
                                  : quantized     ? "quantized"
                                                  : "restored";
    lines.heading(
        fmt::format("{} {} -> {}", done, printable(report.input), printable(report.output)));
    lines.fact("read", fmt::format("{}, {}, {} parameters", full_size(t.source_bytes),
                                   counted(t.tensors, "tensor"), with_commas(t.parameters)));
    const std::string ratio = ratio_text(t.source_bytes, t.output_bytes);
    lines.fact(report.written ? "written" : "would be",
               full_size(t.output_bytes) + (ratio.empty() ? "" : ", " + ratio));
    if (quantized) {
        const std::string bits =
            t.bits_per_weight ? fmt::format(", {:.4g} bits per weight", *t.bits_per_weight) : "";
        lines.fact("codes", fmt::format("{} quantized, {} kept, {} bytes of state{}", t.quantized,
                                        t.kept, with_commas(t.state_bytes), bits));
    }
    add_error_facts(lines, report);
    if (quantized) add_kept(lines, report);
    if (report.written) add_files(lines, report);
    if (quantized && t.quantized > 0) {
        lines.heading(options.table ? "all tensors" : "worst tensors");
        add_quality_table(lines, report, options.table ? options.shown : worst_tensors(report));
    }
    add_checks(lines, report.checks);
    lines.line(fmt::format("done in {:.3g} s", report.seconds));
    if (!report.hint.empty()) lines.sentence("hint: " + printable(report.hint), 6);
}

void add_metadata(Lines& lines, const Report& report) {
    constexpr std::size_t kMost = 8;
    constexpr std::size_t kWidth = 80;
    for (std::size_t i = 0; i < std::min(kMost, report.metadata.size()); ++i) {
        const auto& [key, value] = report.metadata[i];
        lines.fact(i == 0 ? "metadata" : "", fitted(key, kWidth) + ": " + fitted(value, kWidth));
    }
    if (report.metadata.size() > kMost)
        lines.fact("", fmt::format("and {} more, which --json has",
                                   with_commas(report.metadata.size() - kMost)));
}

void add_inspect_table(Lines& lines, const Report& report, const ReportOptions& options) {
    if (report.is_set) return add_quality_table(lines, report, options.shown);
    add_table(lines,
              {names_of(report, options.shown),
               38,
               {{"dtype", 5, true}, {"shape", 18, true}, {"bytes", 13}},
               [&](std::size_t row) -> std::vector<std::string> {
                   const TensorReport& t = report.tensors[options.shown[row]];
                   const std::string_view dtype =
                       t.type.empty() ? dtype_name(t.dtype) : std::string_view(t.type);
                   return {std::string(dtype), shape_text(t.shape), with_commas(t.output_bytes)};
               }});
}

void add_shares(Lines& lines, std::string_view title, const Shares& shares) {
    lines.line(fmt::format("  {:<12} {:>8} {:>16} {:>18} {:>10}", title, "tensors", "parameters",
                           "bytes", "bits each"));
    for (const auto& [name, share] : shares) {
        const double bits = share.parameters == 0 ? 0.0
                                                  : 8.0 * static_cast<double>(share.byte_count) /
                                                        static_cast<double>(share.parameters);
        lines.line(fmt::format("  {:<12} {:>8} {:>16} {:>18} {:>10.4g}", name,
                               with_commas(share.tensors), with_commas(share.parameters),
                               with_commas(share.byte_count), bits));
    }
}

void add_sizes(Lines& lines, const Report& report) {
    const Totals& t = report.totals;
    add_shares(lines, "by dtype", shares_by_dtype(report));
    add_shares(lines, "by kind", shares_by_kind(report));
    lines.fact("files", full_size(t.output_bytes));
    if (report.is_set) {
        const std::string ratio = ratio_text(t.source_bytes, t.output_bytes);
        lines.fact("source",
                   full_size(t.source_bytes) + (ratio.empty() ? "" : ", the set is " + ratio));
        lines.fact("state",
                   fmt::format("{} bytes of scales and zero points", with_commas(t.state_bytes)));
        if (t.bits_per_weight)
            lines.fact("weights",
                       fmt::format("{:.6g} bits per weight, state included", *t.bits_per_weight));
    }
    lines.fact("framework", full_size(t.framework_bytes) + " as a framework counts its memory");
    if (t.source_framework_bytes)
        lines.fact("", full_size(*t.source_framework_bytes) + " before quantizing");
}

void add_inspection(Lines& lines, const Report& report, const ReportOptions& options) {
    const Totals& t = report.totals;
    const bool is_gguf = report.format == "gguf";
    lines.heading(fmt::format("{}: {}", printable(report.input),
                              report.is_set ? "a quantized set"
                              : is_gguf     ? "a GGUF file"
                                            : "a checkpoint"));
    lines.fact("holds", fmt::format("{}, {} parameters, {}", counted(t.tensors, "tensor"),
                                    with_commas(t.parameters), full_size(t.output_bytes)));
    const std::string bits = is_gguf && t.bits_per_weight
                                 ? fmt::format(", {:.4g} bits per weight", *t.bits_per_weight)
                                 : "";
    if (report.is_set || is_gguf)
        lines.fact("codes", fmt::format("{} quantized, {} kept{}", t.quantized, t.kept, bits));
    add_error_facts(lines, report);
    add_metadata(lines, report);
    if (options.table) add_inspect_table(lines, report, options);
    if (options.sizes) add_sizes(lines, report);
}

}  // namespace

std::string text(const Report& report, const ReportOptions& options) {
    Lines lines(options.style);
    if (options.command == "inspect") {
        add_inspection(lines, report, options);
    } else {
        add_run_report(lines, report, options);
    }
    return lines.take();
}

}  // namespace octet::report
