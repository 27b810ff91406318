// What is kept of a comparison when several right-hand sides are held against one original: the
// figures of its row in the table, of a fixed size, whatever the number of tensors. And the reports
// made of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "octet/compare.hpp"
#include "octet/model.hpp"
#include "report/report_options.hpp"

namespace octet::report {

struct WorstTensor {
    std::string name;
    double sqnr_db = 0;
    double max_abs_error = 0;
};

/// One right-hand side. Figures are empty where the comparison has none.
struct CompareSummary {
    std::string output;  ///< the path as it was given
    std::string output_format;
    bool output_is_set = false;
    std::uint64_t output_bytes = 0;
    std::optional<double> bits_per_weight;  ///< Totals', of quantized tensors
    std::optional<double> sqnr_db;          ///< Totals', without what a set keeps
    std::optional<double>
        overall_bits;  ///< 8 x bytes stored in B / elements, of all compared tensors
    std::optional<double>
        overall_sqnr_db;  ///< CompareReport's: the same values in another format have the same
    std::optional<double> max_abs_error;
    std::vector<WorstTensor> worst;  ///< at most three, worst SQNR first, that differ at all
    std::uint64_t missing = 0;
    std::uint64_t extra = 0;
    std::uint64_t changed = 0;  ///< other than in their dtype
    std::optional<double>
        mean_kl;  ///< nats; this and the next two with a text that both models ran on
    std::optional<double> same_top_1;  ///< 0 .. 1
    std::optional<double> perplexity_ratio;
    std::string not_run;  ///< why there was none of the three, though there was a text
    std::vector<Check> checks;
    std::optional<std::string> failure;  ///< the line of what failed, naming the path
};

/// `text` is null where none was given.
CompareSummary summary_of(const CompareReport& report, const TextJudgement* text);

/// What a report of several begins with: A's path, and what is known of it from any of the
/// comparisons.
struct Original {
    std::string path;
    std::string format;
    bool is_set = false;
    std::uint64_t bytes = 0;
    std::string text;  ///< the path of the text; empty without one
};

/// The table, a row for each, in the order given; the best of each column in bold where there is
/// colour.
std::string compare_table(const Original& original, const std::vector<CompareSummary>& sides,
                          double seconds, const ReportOptions& options);

/// The JSON object of several up to the first of `comparisons`, each of which is compare_json()'s.
std::string comparisons_json_begin(const std::string& input,
                                   const std::vector<std::string>& outputs);

/// The rest of it. `error` is what ended the work, or empty where what failed is told by `sides`.
std::string comparisons_json_end(const std::vector<CompareSummary>& sides, double seconds,
                                 const std::optional<std::pair<int, std::string>>& error);

/// The lines of all sides that failed in one; nothing when none did.
std::optional<std::string> failure(const std::vector<CompareSummary>& sides);

}  // namespace octet::report
