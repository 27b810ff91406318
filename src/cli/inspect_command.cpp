// octet inspect: what the headers say of a checkpoint or a set.
#include <algorithm>
#include <limits>

#include "base/pattern.hpp"
#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/report_files.hpp"
#include "octet/octet.hpp"

namespace octet::cli {
namespace {

double sqnr_of(const TensorReport& tensor) {
    return tensor.statistics ? tensor.statistics->sqnr_db : std::numeric_limits<double>::infinity();
}

/// True if `a` comes before `b`; file order is that of equals.
bool comes_before(SortKey key, const TensorReport& a, const TensorReport& b) {
    switch (key) {
        case SortKey::kFile:
            return false;
        case SortKey::kName:
            return a.name < b.name;
        case SortKey::kSize:
            return a.output_bytes > b.output_bytes;
        case SortKey::kSqnr:
            return sqnr_of(a) < sqnr_of(b);
    }
    return false;
}

std::vector<std::uint32_t> selected(const Report& report, const Arguments& arguments) {
    const Pattern pattern(arguments.tensors.empty() ? "*" : arguments.tensors, "--tensors");
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < report.tensors.size(); ++i) {
        if (pattern.matches(report.tensors[i].name)) order.push_back(i);
    }
    if (order.empty() && !arguments.tensors.empty()) {
        throw Error(ErrorCode::kUsage, "--tensors",
                    in_quotes(arguments.tensors) +
                        " matches no tensor; octet inspect PATH lists their names");
    }
    const SortKey key = arguments.sort.value_or(SortKey::kFile);
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        return comes_before(key, report.tensors[a], report.tensors[b]);
    });
    return order;
}

}  // namespace

int run_inspect(Terminal& terminal, Arguments& arguments) {
    ReportFiles files(terminal, arguments);
    const Report report = inspect(arguments.input, arguments.write.follow_links);
    for (const std::string& line : report.notes) terminal.note(line);
    report::ReportOptions shown;
    shown.shown = selected(report, arguments);
    shown.sizes = arguments.sizes;
    shown.table = !arguments.sizes || !arguments.tensors.empty() || arguments.sort;
    return print_report(terminal, arguments, report, shown, &files);
}

}  // namespace octet::cli
