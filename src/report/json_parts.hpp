// Members that the JSON objects of several commands share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_text.hpp"
#include "octet/report.hpp"

namespace octet::report {

/// Paths are bytes; JSON is UTF-8.
std::string json_path(const std::string& path);

/// "key": [1, 2, 3]
void write_numbers(JsonWriter& writer, std::string_view key, const std::vector<std::uint64_t>& numbers);

/// The members of "totals", without its braces.
void write_totals(JsonWriter& writer, const Totals& totals);

/// One of the array "tensors".
void write_tensor(JsonWriter& writer, const TensorReport& tensor);

/// "checks": [...]
void write_checks(JsonWriter& writer, const std::vector<Check>& checks);

/// "error": {...}
void write_error(JsonWriter& writer, int code, const std::string& message);

/// The same for checks that failed, if any did.
void write_failure(JsonWriter& writer, const std::optional<std::string>& message);

}  // namespace octet::report
