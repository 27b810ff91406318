// The document of evaluate: loss, perplexity and distance from the reference are its summary.
#include <fmt/format.h>

#include "base/text.hpp"
#include "report/document_parts.hpp"
#include "report/model_report.hpp"

namespace octet::report {
namespace {

std::string with_error(const Estimate& estimate) {
    return fmt::format("{:.6g} +- {:.2g}", estimate.mean, estimate.standard_error);
}

void add_fidelity(Document& document, const Fidelity& found) {
    document.facts.push_back(
        {"perplexity of the reference",
         fmt::format("{:.6g}, ratio {:.6g}", found.reference_perplexity, found.perplexity_ratio)});
    document.facts.push_back(
        {"KL divergence",
         fmt::format("mean {} nats, median {:.4g}, 99 % below {:.4g}, max {:.4g}",
                     with_error(found.kl), found.median_kl, found.p99_kl, found.max_kl)});
    document.facts.push_back(
        {"same most likely token", fmt::format("{:.3f} +- {:.2g} %", 100 * found.same_top_1.mean,
                                               100 * found.same_top_1.standard_error)});
}

Table ablation_table(const std::vector<Ablation>& ablation) {
    Table table{"One quantized tensor at a time, worst first", {"tensor", "mean KL, nats"}, {}};
    for (const Ablation& one : ablation)
        table.rows.push_back({one.tensor, fmt::format("{:.4g}", one.mean_kl)});
    return table;
}

}  // namespace

Document document_of(const Evaluation& evaluation, const Report& model) {
    Document document{.command = "evaluate"};
    document.subject = base_name(evaluation.input) + " on " + base_name(evaluation.text);
    document.format = model.format;
    if (!evaluation.reference.empty())
        document.facts.push_back({"reference", base_name(evaluation.reference)});
    document.facts.push_back({"tokens", with_commas(evaluation.tokens) + " predicted"});
    document.facts.push_back({"loss", with_error(evaluation.loss) + " nats a token"});
    document.facts.push_back({"perplexity", fmt::format("{:.6g}", evaluation.perplexity)});
    if (evaluation.pairs && evaluation.exact)
        document.facts.push_back(
            {"exact answers", fmt::format("{} of {}", with_commas(*evaluation.exact),
                                          with_commas(*evaluation.pairs))});
    if (evaluation.fidelity) add_fidelity(document, *evaluation.fidelity);
    document.facts.push_back({"size of the model", full_size(model.totals.output_bytes)});
    document.shows_output = model.is_set;
    document.tensors = model.tensors.size();
    document.tensor = [&model](std::size_t i) { return row_of(model.tensors[i]); };
    document.checks = evaluation.checks;
    if (!evaluation.ablation.empty())
        document.tables.push_back(ablation_table(evaluation.ablation));
    document.seconds = evaluation.seconds;
    document.json = [&evaluation, &model](const TextSink&) {
        return evaluation_json(evaluation, model);
    };
    return document;
}

}  // namespace octet::report
