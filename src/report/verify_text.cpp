// The report of verify for people: a line a finding, and the set's figures where there is none.
#include <fmt/format.h>

#include "base/text.hpp"
#include "report/text_parts.hpp"
#include "report/verify_report.hpp"

namespace octet::report {

std::string verify_failure(const VerifyReport& report) {
    return fmt::format("{}: {}; restore the files or quantize again{}", printable(report.input),
                       counted(report.findings.size(), "finding"),
                       report.source.empty() ? "" : ", or name the source that it was made of");
}

std::string verify_text(const VerifyReport& report, const TextStyle& style) {
    Lines lines(style);
    lines.heading(fmt::format(
        "{} {}", report.findings.empty() ? "verified" : "not whole:", printable(report.input)));
    for (const Finding& finding : report.findings) {
        const std::string tensor =
            finding.tensor.empty() ? "" : " tensor " + in_quotes(finding.tensor);
        const std::string file = finding.file.empty() ? "" : printable(finding.file);
        lines.line(fmt::format("  {}{}: {}", file, tensor, finding.what));
    }
    if (!report.findings.empty()) {
        lines.line(counted(report.findings.size(), "finding"));
        return lines.take();
    }
    const Totals& t = report.totals;
    const std::string size = full_size(t.output_bytes) + ", " + counted(t.tensors, "tensor");
    if (report.has_checksums) {
        lines.fact("whole", size + ": every byte is as it was written");
    } else {
        lines.fact("sound", size +
                                ": the structure is right; octet did not write it, so there are no "
                                "checksums of its data");
    }
    if (!report.source.empty()) {
        lines.fact("promise",
                   fmt::format("every value within its bound of {}", printable(report.source)));
    }
    lines.line(fmt::format("done in {:.3g} s", report.seconds));
    return lines.take();
}

}  // namespace octet::report
