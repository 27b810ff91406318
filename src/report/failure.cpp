// The one line that tells why a finished run ends with exit code 1: the checks, findings or
// differences that failed it.
#include <fmt/format.h>

#include "base/text.hpp"
#include "report/report_options.hpp"

namespace octet::report {

namespace {

/// "2 tensors are missing ('a' and 1 more)"; nothing for none.
void add_count(std::vector<std::string>& parts, std::size_t count, std::string_view what,
               const std::string& first) {
    if (count == 0) return;
    const std::string more = count > 1 ? fmt::format(" and {} more", with_commas(count - 1)) : "";
    parts.push_back(fmt::format("{} {} {} ({}{})", counted(count, "tensor"),
                                count == 1 ? "is" : "are", what, first, more));
}

}  // namespace

std::vector<std::string> failed_checks(const std::vector<Check>& checks) {
    std::vector<std::string> failed;
    for (const Check& check : checks) {
        if (!check.passed) failed.push_back(check.detail);
    }
    return failed;
}

std::optional<std::string> failure(const Report& report) {
    const std::vector<std::string> failed = failed_checks(report.checks);
    if (failed.empty()) return std::nullopt;
    return fmt::format("{}: {}; {}", printable(report.output), fmt::join(failed, "; "),
                       report.written ? "the set was written all the same"
                                      : "nothing was written (--keep-on-failure keeps the set)");
}

std::optional<std::string> failure(const CompareReport& report) {
    std::vector<std::string> parts;
    if (!report.missing.empty())
        add_count(parts, report.missing.size(), "missing", in_quotes(report.missing.front()));
    if (!report.extra.empty())
        add_count(parts, report.extra.size(), "extra", in_quotes(report.extra.front()));
    std::size_t changed = 0;
    std::string first;
    for (const TensorChange& change : report.changed) {
        if (!change.dtype_only && changed++ == 0)
            first = fmt::format("{}: {}", in_quotes(change.name), change.what);
    }
    add_count(parts, changed, "changed", first);
    const std::vector<std::string> failed = failed_checks(report.checks);
    parts.insert(parts.end(), failed.begin(), failed.end());
    if (parts.empty()) return std::nullopt;
    return fmt::format("{}: {}", printable(report.output), fmt::join(parts, "; "));
}

}  // namespace octet::report
