#include <fmt/format.h>

#include "base/text.hpp"
#include "report/report_options.hpp"

namespace octet::report {

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
    return fmt::format(
        "{}: {}; {}", printable(report.output), fmt::join(failed, "; "),
        report.written ? "the set was written all the same" : "nothing was written (--keep-on-failure keeps the set)");
}

}  // namespace octet::report
