// plan_quantize(): the decisions of quantize, and why, without writing anything.
#include "octet/plan.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "checkpoint/companions.hpp"
#include "checkpoint/declared_method.hpp"
#include "checkpoint/kind.hpp"
#include "commands/output.hpp"
#include "formats/layout.hpp"
#include "formats/octet_set/octet_format.hpp"
#include "formats/octet_set/totals.hpp"
#include "octet/error.hpp"
#include "plan/decide.hpp"
#include "plan/explain.hpp"
#include "survey/choose_schemes.hpp"
#include "survey/equal_ties.hpp"
#include "survey/examine_values.hpp"
#include "writers/writer.hpp"

namespace octet {
namespace {

/// Without the planner's `sum_of_squares` what the data say is not known.
Totals planned_totals(const checkpoint::Checkpoint& checkpoint,
                      const std::vector<TensorReport>& tensors,
                      const std::vector<formats::FilePlan>& files, Preset preset,
                      std::optional<double> sum_of_squares) {
    Totals totals = octet_set::totals_of(tensors, sum_of_squares.value_or(0.0));
    if (!sum_of_squares) {
        totals.sqnr_db.reset();
        totals.sqnr_db_with_buffers.reset();
        totals.max_abs_error.reset();
    }
    for (const checkpoint::Shard& shard : checkpoint.shards)
        totals.source_bytes += shard.file.size();
    for (const formats::FilePlan& file : files) totals.output_bytes += file.byte_count;
    const checkpoint::Family family = checkpoint::detect_family(tensors);
    totals.framework_bytes =
        checkpoint::framework_bytes(family, tensors, checkpoint::counted_as(preset));
    totals.source_framework_bytes =
        checkpoint::framework_bytes(family, tensors, checkpoint::Counted::kSource);
    return totals;
}

PlannerReport planner_report(const plan::Planner& planner, const plan::Plan& choice) {
    PlannerReport report{choice.sqnr_db, std::nullopt, planner.curve()};
    if (choice.least_loss)
        report.over_bound = six_digits(std::max(choice.loss / *choice.least_loss - 1, 0.0));
    return report;
}

void add_tensors(plan::Decisions& decisions, const octet_set::CodeOptions& options,
                 PlanReport& report) {
    std::map<std::tuple<std::string, std::string, std::string>, std::uint32_t> known;
    report.reason_of.reserve(decisions.tensors.size());
    for (std::size_t i = 0; i < decisions.tensors.size(); ++i) {
        PlanReason why = plan::explain(decisions, i, options);
        const TensorReport& tensor = decisions.tensors[i];
        if (!tensor.same_as.empty())
            why = {"profile",
                   fmt::format("the same bytes as {}: stored once", in_quotes(tensor.same_as)),
                   "another scheme for one of the two, or other values"};
        const auto next = static_cast<std::uint32_t>(report.reasons.size());
        report.reason_of.push_back(
            known.emplace(std::tuple(why.rule, why.reason, why.change), next).first->second);
        if (report.reason_of.back() == next) report.reasons.push_back(std::move(why));
    }
    report.tensors = std::move(decisions.tensors);
}

/// Decides again as the planner chose, with what it measured.
double take_choice(const checkpoint::Checkpoint& checkpoint, const survey::CodeInputs& inputs,
                   const std::vector<bool>& keep, plan::Decisions& decisions,
                   const plan::Plan& choice, const WriteOptions& options) {
    decisions = {};  // not both at a time
    decisions = plan::decide(checkpoint, inputs.options, keep, choice.chosen);
    survey::tie_equal(checkpoint, decisions.tensors, options);
    if (choice.statistics.empty())
        return survey::add_statistics(checkpoint, decisions.tensors, inputs.importance.get(),
                                      options);
    for (std::size_t i = 0; i < decisions.tensors.size(); ++i) {
        if (decisions.tensors[i].scheme) decisions.tensors[i].statistics = choice.statistics[i];
    }
    return choice.sum_of_squares;
}

}  // namespace

PlanReport plan_quantize(const std::filesystem::path& input, const QuantizeOptions& options,
                         bool scan) {
    if (const auto plan = writers::format_of(options).plan) {
        commands::Notes notes(options.write);
        return plan(input, options, scan, notes.lines);
    }
    const auto start = std::chrono::steady_clock::now();
    const octet_set::OctetFormat format;
    const io::Links links = io::links_of(options.write.follow_links);
    const checkpoint::Checkpoint checkpoint = checkpoint::open_checkpoint(input, links);
    const auto companions = checkpoint::find_companions(checkpoint, options.companions, links);
    const survey::CodeInputs inputs = survey::code_inputs(options);
    const bool keeps = options.on_non_finite == OnNonFinite::kKeep;
    const bool planned = plan::asks_planner(inputs.options);
    const bool reads = scan || planned;
    plan::Decisions decisions = plan::decide(checkpoint, inputs.options, {});
    std::vector<bool> not_finite;
    if (reads && keeps) {
        not_finite = survey::find_not_finite(checkpoint, decisions.tensors, inputs.importance.get(),
                                             options.write);
        decisions = plan::decide(checkpoint, inputs.options, not_finite);
    }
    if (inputs.importance) inputs.importance->check(decisions.tensors);
    PlanReport report;
    std::optional<double> sum_of_squares;
    if (planned) {
        plan::Plan choice;
        {
            survey::PlannedChoice made =
                survey::make_choice(format, checkpoint, decisions, inputs.options,
                                    inputs.importance.get(), options.write);
            report.planner = planner_report(*made.planner, made.plan);
            choice = std::move(made.plan);
        }
        sum_of_squares =
            take_choice(checkpoint, inputs, not_finite, decisions, choice, options.write);
    } else if (reads) {
        survey::tie_equal(checkpoint, decisions.tensors, options.write);
        if (!keeps)
            survey::refuse_not_finite(checkpoint, decisions.tensors, inputs.importance.get(),
                                      options.write);
    }
    const std::vector<formats::FilePlan> files =
        formats::files_of(format, checkpoint, decisions.tensors);

    report.input = input.native();
    report.scanned = reads;
    report.depends_on_values = !reads && (keeps || survey::may_tie(checkpoint, decisions.tensors));
    report.totals =
        planned_totals(checkpoint, decisions.tensors, files, options.preset, sum_of_squares);
    // The same figure from rounded parts.
    if (report.planner && report.totals.sqnr_db) report.planner->sqnr_db = *report.totals.sqnr_db;
    report.free_space_bytes =
        formats::bytes_needed(files, checkpoint::total_bytes(companions), decisions.tensors.size());
    for (const checkpoint::Shard& shard : checkpoint.shards)
        report.input_files.push_back({shard.base_name, shard.file.size()});
    for (const formats::FilePlan& file : files)
        report.output_files.push_back({file.name, file.byte_count});
    add_tensors(decisions, inputs.options, report);
    commands::Notes notes(options.write);
    notes.lines = checkpoint.notes;
    checkpoint::note_came_quantized(report.tensors, checkpoint::config_of(checkpoint, links),
                                    notes.lines);
    report.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace octet
