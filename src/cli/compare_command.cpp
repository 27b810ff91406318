// octet compare: B held against A, value by value; and several of them, one after the other, for
// one table. Of each nothing but its row is kept, so that their number costs no memory. With --text
// the models run first: a text that cannot be read is told before the weights are.
#include <chrono>
#include <filesystem>

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/report_files.hpp"
#include "cli/signals.hpp"
#include "octet/compare.hpp"
#include "octet/error.hpp"
#include "report/compare_summary.hpp"

namespace octet::cli {
namespace {

/// What is known of one right-hand side.
struct Compared {
    CompareReport report;
    std::optional<TextJudgement> text;

    const TextJudgement* judgement() const { return text ? &*text : nullptr; }
};

CompareOptions comparing(Terminal& terminal, const Arguments& arguments) {
    return {arguments.tensors, arguments.gates, reading(terminal, arguments, "comparing")};
}

Compared compared(Terminal& terminal, const Arguments& arguments, const std::string& side) {
    Compared result;
    if (arguments.evaluate.text) {
        EvaluateOptions options = arguments.evaluate;
        options.reference = arguments.input;
        options.read = reading(terminal, arguments, "evaluating");
        result.text = judge(side, options);
    }
    result.report = compare(arguments.input, side, comparing(terminal, arguments));
    if (!result.text || !result.text->evaluation) return result;
    const Evaluation& evaluation = *result.text->evaluation;
    result.report.checks.insert(result.report.checks.end(), evaluation.checks.begin(),
                                evaluation.checks.end());
    result.report.seconds += evaluation.seconds;
    return result;
}

void print_one(Terminal& terminal, const Arguments& arguments, const Compared& result) {
    report::ReportOptions shown;
    shown.command = arguments.command;
    shown.style = terminal.style();
    shown.table = arguments.verbose;
    if (arguments.json) {
        const TextSink sink = [&](std::string_view piece) { terminal.out(piece); };
        terminal.out(report::compare_json(result.report, sink, result.judgement()));
    } else if (!arguments.quiet) {
        terminal.out(report::compare_text(result.report, shown, result.judgement()));
    }
}

/// A text that is read once for each side has to be a file.
void check_text(const Arguments& arguments) {
    std::error_code unknown;  // what is not there is told by who opens it
    const std::filesystem::path text = arguments.evaluate.text.value_or("");
    if (text.empty() || !std::filesystem::exists(text, unknown)) return;
    if (std::filesystem::is_regular_file(text, unknown)) return;
    throw Error(ErrorCode::kUsage, "--text",
                fmt::format("{} can be read once only, and several are judged; give a file",
                            in_quotes(text.native())));
}

/// The comparisons of one command line, and where their reports go.
class Table {
  public:
    Table(Terminal& terminal, const Arguments& arguments, std::vector<std::string> sides)
        : terminal_(terminal), arguments_(arguments), names_(std::move(sides)) {}

    int run() {
        for (const std::string& name : names_) {
            try {
                add(compared(terminal_, arguments_, name));
            } catch (const Error& error) {
                if (!arguments_.json || sides_.empty()) throw;
                return end_with(error, name);
            }
        }
        if (arguments_.json) {
            terminal_.out(report::comparisons_json_end(sides_, seconds(), std::nullopt));
        } else if (!arguments_.quiet) {
            report::ReportOptions shown;
            shown.style = terminal_.style();
            terminal_.out(report::compare_table(original_, sides_, seconds(), shown));
        }
        return exit_code_of(terminal_, report::failure(sides_));
    }

  private:
    void add(const Compared& result) {
        if (arguments_.json)
            terminal_.out(sides_.empty() ? report::comparisons_json_begin(arguments_.input, names_)
                                         : ",\n");
        if (arguments_.json || arguments_.verbose) print_one(terminal_, arguments_, result);
        const CompareReport& report = result.report;
        original_ = {report.input, report.input_format, report.input_is_set,
                     report.totals.source_bytes,
                     arguments_.evaluate.text ? arguments_.evaluate.text->native() : ""};
        sides_.push_back(report::summary_of(report, result.judgement()));
    }

    /// What is printed already stays JSON: the side's own object says what ended the work, and so
    /// does the whole.
    int end_with(const Error& error, const std::string& name) {
        const int signal = error.code() == ErrorCode::kInterrupted ? signal_received() : 0;
        const int code = static_cast<int>(error.code()) + signal;
        terminal_.error(error.what());
        terminal_.out(",\n" + report::json_error(arguments_.command, arguments_.input, name, code,
                                                 error.what()));
        terminal_.out(report::comparisons_json_end(sides_, seconds(),
                                                   std::pair(code, std::string(error.what()))));
        return code;
    }

    double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }

    Terminal& terminal_;
    const Arguments& arguments_;
    std::vector<std::string> names_;
    std::vector<report::CompareSummary> sides_;
    report::Original original_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

int run_compare(Terminal& terminal, Arguments& arguments) {
    if (arguments.others.empty()) {
        ReportFiles files(terminal, arguments);
        const Compared result = compared(terminal, arguments, arguments.output);
        if (!files.empty()) files.write(report::document_of(result.report));
        print_one(terminal, arguments, result);
        return exit_code_of(terminal, report::failure(result.report));
    }
    if (!arguments.reports.empty())
        throw Error(ErrorCode::kUsage, "--report",
                    "holds one comparison; give one right-hand side a run");
    std::vector<std::string> sides = {arguments.output};
    sides.insert(sides.end(), arguments.others.begin(), arguments.others.end());
    check_text(arguments);
    std::vector<std::filesystem::path> paths = {arguments.input};
    paths.insert(paths.end(), sides.begin(), sides.end());
    check_comparable(paths, comparing(terminal, arguments));
    return Table(terminal, arguments, std::move(sides)).run();
}

}  // namespace octet::cli
