// The reports of evaluate and calibrate, as text and as JSON: figures with their standard errors.
#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/octet.hpp"
#include "report/json_parts.hpp"
#include "report/model_report.hpp"
#include "report/report_options.hpp"
#include "report/text_table.hpp"

namespace octet::report {
namespace {

void write_estimate(JsonWriter& writer, const std::string& name, const Estimate& estimate) {
    writer.key(name).statistic(estimate.mean).key(name + "_se").statistic(estimate.standard_error);
}

std::string with_error(const Estimate& estimate) {
    return fmt::format("{:.6g} +- {:.2g}", estimate.mean, estimate.standard_error);
}

}  // namespace

void write_evaluation(JsonWriter& writer, const Evaluation& evaluation) {
    writer.key("text").string(json_path(evaluation.text));
    writer.key("tokens").integer(evaluation.tokens);
    write_estimate(writer, "loss", evaluation.loss);
    writer.key("perplexity").statistic(evaluation.perplexity);
    writer.key("perplexity_se").statistic(evaluation.perplexity * evaluation.loss.standard_error);
    if (evaluation.pairs) writer.key("pairs").integer(*evaluation.pairs);
    if (evaluation.exact) writer.key("exact").integer(*evaluation.exact);
    if (evaluation.fidelity) {
        const Fidelity& found = *evaluation.fidelity;
        writer.key("reference").string(json_path(evaluation.reference));
        writer.key("reference_loss").statistic(found.reference_loss);
        writer.key("reference_perplexity").statistic(found.reference_perplexity);
        writer.key("perplexity_ratio").statistic(found.perplexity_ratio);
        write_estimate(writer, "mean_kl", found.kl);
        writer.key("median_kl").statistic(found.median_kl).key("p99_kl").statistic(found.p99_kl);
        writer.key("max_kl").statistic(found.max_kl);
        write_estimate(writer, "same_top_1", found.same_top_1);
        write_estimate(writer, "mean_delta_p", found.delta_p);
        writer.key("rms_delta_p").statistic(found.rms_delta_p);
    }
}

std::string evaluation_json(const Evaluation& evaluation, const Report& model) {
    std::string text;
    JsonWriter writer(text, JsonWriter::Style::kLines);
    writer.begin_object();
    writer.key("command").string("evaluate").key("version").string(version());
    writer.key("input").string(json_path(evaluation.input)).key("output").string("");
    write_totals(writer, model.totals);
    write_tensors(writer, model.tensors);
    write_evaluation(writer, evaluation);
    if (!evaluation.ablation.empty()) {
        writer.key("ablation").begin_array();
        for (const Ablation& one : evaluation.ablation) {
            writer.begin_object().key("tensor").string(json_path(one.tensor));
            writer.key("mean_kl").statistic(one.mean_kl).end_object();
        }
        writer.end_array();
    }
    write_checks(writer, evaluation.checks);
    write_failure(writer, failure(evaluation));
    writer.key("seconds").statistic(evaluation.seconds);
    writer.end_object();
    return printable_json(text) + "\n";
}

void add_fidelity(Lines& lines, const Evaluation& evaluation) {
    if (!evaluation.fidelity) return;
    const Fidelity& found = *evaluation.fidelity;
    lines.fact("perplexity", fmt::format("{:.6g} there, ratio {:.6g}", found.reference_perplexity,
                                         found.perplexity_ratio));
    lines.fact("KL", fmt::format("mean {} nats", with_error(found.kl)));
    lines.fact("", fmt::format("median {:.4g}, 99 % below {:.4g}, max {:.4g}", found.median_kl,
                               found.p99_kl, found.max_kl));
    lines.fact("same top",
               fmt::format("{:.3f} +- {:.2g} % of the tokens", 100 * found.same_top_1.mean,
                           100 * found.same_top_1.standard_error));
    lines.fact("right one",
               fmt::format("probability {:+.4g} +- {:.2g}, rms {:.4g}", found.delta_p.mean,
                           found.delta_p.standard_error, found.rms_delta_p));
}

std::string evaluation_text(const Evaluation& evaluation, const TextStyle& style) {
    Lines lines(style);
    lines.heading(
        fmt::format("evaluated {} on {}", printable(evaluation.input), printable(evaluation.text)));
    lines.fact("tokens", with_commas(evaluation.tokens) + " predicted");
    lines.fact("loss", with_error(evaluation.loss) + " nats a token");
    lines.fact("perplexity", fmt::format("{:.6g}", evaluation.perplexity));
    if (evaluation.pairs && evaluation.exact)
        lines.fact("exact", fmt::format("{} of {}", *evaluation.exact,
                                        counted(*evaluation.pairs, "answer")));
    if (evaluation.fidelity) lines.heading("against " + printable(evaluation.reference));
    add_fidelity(lines, evaluation);
    if (!evaluation.ablation.empty()) {
        lines.heading("one quantized tensor at a time, worst first");
        std::vector<std::string_view> names;
        for (const Ablation& one : evaluation.ablation) names.push_back(one.tensor);
        const NameColumn column = name_column(names, 52, 15, lines.columns());
        lines.line(fmt::format("  {:<{}} {:>12}", "tensor", column.width, "mean KL"));
        for (const Ablation& one : evaluation.ablation)
            lines.line(fmt::format("  {:<{}} {:>12.4g}", column.fitted(one.tensor), column.width,
                                   one.mean_kl));
    }
    add_checks(lines, evaluation.checks);
    lines.line(fmt::format("done in {:.3g} s", evaluation.seconds));
    return lines.take();
}

std::optional<std::string> failure(const Evaluation& evaluation) {
    const std::vector<std::string> failed = failed_checks(evaluation.checks);
    if (failed.empty()) return std::nullopt;
    return fmt::format("{}: {}", printable(evaluation.input), fmt::join(failed, "; "));
}

std::string calibration_text(const Calibration& calibration) {
    return fmt::format(
        "calibrated {} -> {}\n  {} read, the mean squared inputs of {}\ndone in {:.3g} s\n",
        printable(calibration.input), printable(calibration.output),
        counted(calibration.tokens, "token"), counted(calibration.weights, "weight"),
        calibration.seconds);
}

std::string calibration_json(const Calibration& calibration, const Report& model) {
    std::string text;
    JsonWriter writer(text, JsonWriter::Style::kLines);
    writer.begin_object();
    writer.key("command").string("calibrate").key("version").string(version());
    writer.key("input")
        .string(json_path(calibration.input))
        .key("output")
        .string(json_path(calibration.output));
    write_totals(writer, model.totals);
    write_tensors(writer, model.tensors);
    writer.key("tokens").integer(calibration.tokens).key("weights").integer(calibration.weights);
    write_checks(writer, {});
    write_files(writer, {calibration.file});
    writer.key("seconds").statistic(calibration.seconds);
    writer.end_object();
    return printable_json(text) + "\n";
}

}  // namespace octet::report
