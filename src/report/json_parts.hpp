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

/// A sink that makes what it gets safe on a terminal before `sink` does; none where that is none.
TextSink printable_sink(const TextSink& sink);

/// "key": [1, 2, 3]
void write_numbers(JsonWriter& writer, std::string_view key,
                   const std::vector<std::uint64_t>& numbers);

/// "totals": {...}
void write_totals(JsonWriter& writer, const Totals& totals);

/// Its members alone, for a command that has more of them.
void write_total_keys(JsonWriter& writer, const Totals& totals);

/// What each object of "tensors" begins with. `Tensor` is a TensorReport or TensorComparison.
template <typename Tensor>
void write_identity(JsonWriter& writer, const Tensor& t) {
    writer.key("name").string(t.name).key("dtype").string(dtype_name(t.dtype));
    write_numbers(writer, "shape", t.shape);
    writer.key("kind").string(kind_name(t.kind));
    writer.key("scheme").string(!t.type.empty() ? std::string(t.type.view())
                                : t.scheme      ? scheme_name(*t.scheme)
                                                : "keep");
}

/// One of the array "tensors".
void write_tensor(JsonWriter& writer, const TensorReport& tensor);

/// "tensors": [...], all of them
void write_tensors(JsonWriter& writer, const std::vector<TensorReport>& tensors);

/// "checks": [...]
void write_checks(JsonWriter& writer, const std::vector<Check>& checks);

/// "companions": {"copied": [...], "left_out": [...]}
void write_companions(JsonWriter& writer, const std::vector<std::string>& copied,
                      const std::vector<LeftOut>& left_out);

/// "files": [...], what was written, with SHA-256 where it was asked for
void write_files(JsonWriter& writer, const std::vector<FileReport>& files);

/// "error": {...}
void write_error(JsonWriter& writer, int code, const std::string& message);

/// The same for checks that failed, if any did.
void write_failure(JsonWriter& writer, const std::optional<std::string>& message);

}  // namespace octet::report
