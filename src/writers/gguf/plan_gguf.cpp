// The decisions of quantize_gguf, and why, without writing anything. Where values are read, every
// tensor is measured under its type, so that errors are known and a value that stops quantize stops
// this.
#include "writers/gguf/plan_gguf.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "checkpoint/checkpoint.hpp"
#include "formats/gguf/mixtures.hpp"
#include "writers/gguf/choose_types.hpp"
#include "writers/gguf/contents.hpp"
#include "writers/gguf/jobs.hpp"

namespace octet::writers {
namespace {

/// What stands where nobody named a file.
constexpr const char* kFileName = "model.gguf";

std::string goal_text(const QuantizeOptions& options) {
    return options.max_size
               ? fmt::format("the least total error within --max-size {}",
                             with_commas(*options.max_size))
               : fmt::format("the fewest bytes for --target-sqnr {}", *options.target_sqnr_db);
}

/// Why a tensor has its type.
PlanReason reason_of(const GgufContents& contents, std::size_t number,
                     const QuantizeOptions& options) {
    const gguf::TypedFileTensor& one = contents.tensors[number];
    if (one.tensor.is_made())
        return {"llama.cpp", "follows from config.json, and llama.cpp takes it from the file",
                "nothing"};
    if (one.is_kept) return {"on-non-finite keep", one.reason, "finite values"};
    if (!one.tensor.may_be_quantized)
        return {"llama.cpp", "llama.cpp reads it as floats alone", "nothing"};
    if (contents.rules[number]) {
        const TensorRule& rule = options.rules[*contents.rules[number]];
        return {"rule " + in_quotes(rule_text(rule)),
                one.is_fallback ? one.reason : std::string("the first rule that matches"),
                "a rule before it, or leaving it out"};
    }
    if (plans_types(options))
        return {"planner", goal_text(options),
                fmt::format("a rule for it, or another {}",
                            options.max_size ? "--max-size" : "--target-sqnr")};
    const std::string_view name = gguf::find_mixture(options.type)->name;
    return {fmt::format("type {}", name),
            one.is_fallback ? one.reason : fmt::format("what llama-quantize chooses in {}", name),
            "a rule for it, or another --type"};
}

/// One run, in the order of its steps.
class GgufPlanning {
  public:
    GgufPlanning(const std::filesystem::path& input, const QuantizeOptions& options, bool scan)
        : options_(options),
          checkpoint_(checkpoint::open_checkpoint(input, io::links_of(options.write.follow_links))),
          reads_(scan || plans_types(options)) {
        if (options.importance)
            importance_ = std::make_unique<plan::Importance>(*options.importance);
    }

    PlanReport run(std::vector<std::string>& notes) {
        const bool keeps = options_.on_non_finite == OnNonFinite::kKeep;
        std::vector<bool> not_finite;
        if (reads_ && keeps) not_finite = not_finite_tensors(checkpoint_, options_.write);
        contents_ = gguf_contents(checkpoint_, options_, not_finite);
        if (importance_)
            add_importance_keys(*importance_, *options_.importance, checkpoint_, contents_.keys);
        facts_ = {kFileName, contents_.keys, source_bytes(), options_.split_size};
        if (plans_types(options_) || (reads_ && !contents_.tensors.empty())) measure();
        report_.scanned = reads_;
        report_.depends_on_values = !reads_ && keeps;
        report_.format = "gguf";
        add_tensors();
        add_files();
        add_totals();
        notes = contents_.notes;
        notes.insert(notes.end(), checkpoint_.notes.begin(), checkpoint_.notes.end());
        return std::move(report_);
    }

  private:
    std::uint64_t source_bytes() const {
        std::uint64_t bytes = 0;
        for (const checkpoint::Shard& shard : checkpoint_.shards) bytes += shard.file.size();
        return bytes;
    }

    void measure() {
        TypeChoice made;
        if (plans_types(options_)) {
            made = make_type_choice(checkpoint_, contents_, facts_, importance_.get(), options_,
                                    options_.write);
            report_.planner = PlannerReport{made.plan.sqnr_db, std::nullopt, made.planner->curve()};
            if (made.plan.least_loss)
                report_.planner->over_bound =
                    six_digits(std::max(made.plan.loss / *made.plan.least_loss - 1, 0.0));
        } else {
            made.planner = make_type_planner(checkpoint_, contents_, facts_, importance_.get(),
                                             options_, options_.write);
            made.plan = made.planner->only();
        }
        statistics_ = made.planner->statistics(made.plan);
        sqnr_db_ = made.plan.sqnr_db;
        if (plans_types(options_)) set_types(made.plan, contents_);
    }

    void add_tensors() {
        std::map<std::tuple<std::string, std::string, std::string>, std::uint32_t> known;
        report_.tensors = gguf_reports(checkpoint_, contents_);
        for (std::size_t i = 0; i < report_.tensors.size(); ++i) {
            if (!statistics_.empty()) report_.tensors[i].statistics = statistics_[i];
            PlanReason why = reason_of(contents_, i, options_);
            const auto next = static_cast<std::uint32_t>(report_.reasons.size());
            const auto found =
                known.emplace(std::tuple(why.rule, why.reason, why.change), next).first;
            report_.reason_of.push_back(found->second);
            if (found->second == next) report_.reasons.push_back(std::move(why));
        }
    }

    void add_files() {
        for (const checkpoint::Shard& shard : checkpoint_.shards)
            report_.input_files.push_back({shard.base_name, shard.file.size()});
        facts_.keys = contents_.keys;
        for (const gguf::DataFile& file : gguf::lay_out(facts_, contents_.tensors).files) {
            report_.output_files.push_back({file.name, file.byte_count});
            report_.totals.output_bytes += file.byte_count;
        }
        report_.free_space_bytes = report_.totals.output_bytes;
    }

    void add_totals() {
        Totals& totals = report_.totals;
        std::uint64_t elements = 0;
        std::uint64_t bytes = 0;
        for (std::size_t i = 0; i < report_.tensors.size(); ++i) {
            const TensorReport& tensor = report_.tensors[i];
            const gguf::TypedFileTensor& one = contents_.tensors[i];
            const std::uint64_t own = element_count(tensor.shape).value_or(0);
            ++totals.tensors;
            totals.parameters += own;
            totals.framework_bytes += tensor.output_bytes;
            if (one.tensor.is_made() || !is_lossy(one.type, tensor.dtype)) continue;
            ++totals.quantized;
            elements += own;
            bytes += tensor.output_bytes;
            if (!tensor.statistics) continue;
            totals.max_abs_error =
                std::max(totals.max_abs_error.value_or(0), tensor.statistics->max_abs_error);
        }
        totals.kept = totals.tensors - totals.quantized;
        totals.source_bytes = source_bytes();
        if (elements > 0)
            totals.bits_per_weight =
                six_digits(8.0 * static_cast<double>(bytes) / static_cast<double>(elements));
        if (reads_ && totals.quantized > 0) totals.sqnr_db = sqnr_db_;
    }

    const QuantizeOptions& options_;
    const checkpoint::Checkpoint checkpoint_;
    const bool reads_;
    std::unique_ptr<plan::Importance> importance_;
    GgufContents contents_;
    gguf::FileFacts facts_;
    std::vector<std::optional<TensorStatistics>> statistics_;
    double sqnr_db_ = 0;
    PlanReport report_;
};

}  // namespace

PlanReport plan_gguf(const std::filesystem::path& input, const QuantizeOptions& options, bool scan,
                     std::vector<std::string>& notes) {
    const auto start = std::chrono::steady_clock::now();
    check_gguf_options(options);
    PlanReport report = GgufPlanning(input, options, scan).run(notes);
    report.input = input.native();
    report.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace octet::writers
