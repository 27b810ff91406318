// What --report writes, before it has a format: each command turns its result into one Document,
// and each exporter (file_formats.hpp) turns any Document into a file. Names stand as the
// checkpoint has them; exporters escape. Folders of paths are left out, so that a report can be
// published.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_text.hpp"
#include "octet/compare.hpp"
#include "octet/model.hpp"
#include "octet/plan.hpp"
#include "octet/report.hpp"
#include "octet/verify.hpp"
#include "report/report_options.hpp"

namespace octet::report {

/// A tensor, as a row of a table. Errors in the unit of the weights.
struct TensorRow {
    std::string name;
    std::string kind;
    std::string dtype;   ///< of the source
    std::string scheme;  ///< "keep" where nothing changed
    Shape shape;
    std::uint64_t parameters = 0;  ///< elements
    std::uint64_t source_bytes = 0;
    std::uint64_t output_bytes = 0;
    std::optional<double> sqnr_db = {};  ///< +inf where nothing was lost
    std::optional<double> rmse = {};
    std::optional<double> max_abs_error = {};
    std::optional<double> bound = {};
    std::optional<double> cosine = {};
    std::optional<std::uint64_t> clipped = {};
    std::string note = {};  ///< why it is kept, or what decided
};

/// Something that is not as it should be.
struct Problem {
    std::string file = {};    ///< base name; may be empty
    std::string tensor = {};  ///< empty where it belongs to no tensor
    std::string what;         ///< one line
    bool fails = true;        ///< false: reported, and no failure
};

/// A line of the summary.
struct Fact {
    std::string name;
    std::string value;
};

/// A small table of words and numbers, such as files. Columns behind the first hold numbers.
struct Table {
    std::string title;
    std::vector<std::string> columns;
    std::vector<std::vector<std::string>> rows;
};

struct Document {
    std::string command;       ///< "quantize"
    std::string subject = {};  ///< what it is about: base names, such as "model.safetensors -> out"
    std::string base_model =
        {};                   ///< "openai-community/gpt2"; empty where it is not known for certain
    std::string format = {};  ///< "gguf" of such an output
    std::vector<Fact> facts = {};
    std::vector<Check> checks = {};  ///< one for each gate
    std::vector<Problem> problems =
        {};                    ///< findings of verify; what compare found missing, extra or changed
    bool shows_output = true;  ///< false where there is one size of each tensor only
    std::size_t tensors = 0;
    std::function<TensorRow(std::size_t)> tensor =
        {};                              ///< in file order; made when it is asked for
    std::vector<CurvePoint> curve = {};  ///< of the planner
    std::optional<CurvePoint> chosen = {};
    std::vector<Table> tables = {};
    double seconds = 0;
    /// What --json prints: pieces to the sink, the end of it returned.
    std::function<std::string(const TextSink& sink)> json = {};
};

/// True if no gate failed and no problem is a failure.
bool passed(const Document& document);

// A document refers to the report that it is made of.

/// Of quantize and inspect. `options` as for json().
Document document_of(const Report& report, const ReportOptions& options);
Document document_of(const PlanReport& report);
Document document_of(const CompareReport& report);
Document document_of(const VerifyReport& report);
/// `model`: what inspect() says of the model.
Document document_of(const Evaluation& evaluation, const Report& model);

}  // namespace octet::report
