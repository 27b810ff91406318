// Exporters of what verify() found.
#pragma once

#include <string>

#include "base/json_text.hpp"
#include "octet/verify.hpp"
#include "report/text_parts.hpp"

namespace octet::report {

/// A line for each finding, then the verdict.
std::string verify_text(const VerifyReport& report, const TextStyle& style);

/// One JSON object (docs/cli.md).
std::string verify_json(const VerifyReport& report, const TextSink& sink = {});

/// The error line when there are findings.
std::string verify_failure(const VerifyReport& report);

}  // namespace octet::report
