// octet plan: what quantize would do, and why.
#include <utility>

#include "base/pattern.hpp"
#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/report_files.hpp"
#include "octet/error.hpp"
#include "octet/octet.hpp"
#include "report/plan_report.hpp"

namespace octet::cli {
namespace {

int print_schemes(Terminal& terminal, bool json) {
    std::string text;
    for (const Scheme& scheme : named_schemes()) text += scheme_name(scheme) + "\n";
    terminal.out(json ? report::schemes_json(named_schemes()) : text);
    return 0;
}

/// Leaves the tensors whose names match `text`; the totals stay those of the whole plan. kUsage
/// where none does.
void show_only(const std::string& text, PlanReport& report) {
    const Pattern pattern(text, "--tensors");
    std::size_t kept = 0;
    for (std::size_t i = 0; i < report.tensors.size(); ++i) {
        if (!pattern.matches(report.tensors[i].name)) continue;
        if (kept != i) report.tensors[kept] = std::move(report.tensors[i]);
        report.reason_of[kept++] = report.reason_of[i];
    }
    if (kept == 0)
        throw Error(ErrorCode::kUsage, "--tensors",
                    in_quotes(text) + " matches no tensor; octet inspect PATH lists their names");
    report.tensors.resize(kept);
    report.reason_of.resize(kept);
}

}  // namespace

int run_plan(Terminal& terminal, Arguments& arguments) {
    if (arguments.list_schemes) return print_schemes(terminal, arguments.json);
    QuantizeOptions& options = arguments.coding;
    options.write = writing(terminal, arguments, "scanning");
    ReportFiles files(terminal, arguments);
    PlanReport report = plan_quantize(arguments.input, options, arguments.scan);
    note_overruled(terminal, options);  // not before: a failure is one line
    if (!arguments.tensors.empty()) show_only(arguments.tensors, report);
    if (!files.empty()) files.write(report::document_of(report));
    const TextSink to_stdout = [&](std::string_view piece) { terminal.out(piece); };
    if (arguments.json) {
        terminal.out(report::plan_json(report, to_stdout));
    } else if (!arguments.quiet) {
        terminal.out(report::plan_text(
            report, terminal.style(),
            arguments.summary ? report::PlanTable::kSchemes : report::PlanTable::kTensors,
            to_stdout));
    }
    return 0;
}

}  // namespace octet::cli
