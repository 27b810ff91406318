// What an exporter is asked to show. Every exporter has the signature `std::string NAME(const
// Report&, const ReportOptions&)`. Those of JSON take a sink, too: where there is one it gets the
// text of many tensors as it is made, and what is returned is the end of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json_text.hpp"
#include "octet/compare.hpp"
#include "octet/report.hpp"
#include "report/text_parts.hpp"

namespace octet {
struct TextJudgement;
}

namespace octet::report {

struct ReportOptions {
    std::string command;  ///< "quantize", "dequantize", "inspect", "compare"
    std::vector<std::uint32_t>
        shown;  ///< which tensors, in the order to show them in text (JSON keeps file order)
    bool sizes = false;  ///< inspect: the summary by dtype and kind
    bool table = false;  ///< the table of all shown tensors
    TextStyle style;
};

/// Text for a terminal.
std::string text(const Report& report, const ReportOptions& options);
/// `text`: what A and B predict, where that was asked for.
std::string compare_text(const CompareReport& report, const ReportOptions& options,
                         const TextJudgement* text = nullptr);

/// One JSON object (docs/cli.md).
std::string json(const Report& report, const ReportOptions& options, const TextSink& sink = {});
std::string compare_json(const CompareReport& report, const TextSink& sink = {},
                         const TextJudgement* text = nullptr);

/// The JSON object of a command that failed.
std::string json_error(const std::string& command, const std::string& input,
                       const std::string& output, int code, const std::string& message);

/// The details of the checks that failed.
std::vector<std::string> failed_checks(const std::vector<Check>& checks);

/// The error line of a report with checks that failed; nothing when all held.
std::optional<std::string> failure(const Report& report);

/// The same of a comparison, for what is missing, extra or changed too; a dtype alone is no
/// failure.
std::optional<std::string> failure(const CompareReport& report);

/// A share for each name (dtype or kind) that occurs, in the order of the format's enumeration.
using Shares = std::vector<std::pair<std::string, Share>>;
Shares shares_by_dtype(const Report& report);
Shares shares_by_kind(const Report& report);

}  // namespace octet::report
