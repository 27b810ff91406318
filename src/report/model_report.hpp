// Exporters of what models say: text for a terminal, JSON for programs.
#pragma once

#include <optional>
#include <string>

#include "octet/model.hpp"
#include "octet/report.hpp"
#include "report/text_parts.hpp"

namespace octet {
class JsonWriter;
}

namespace octet::report {

class Lines;

/// A generation, and beside it another of the same prompt, or null.
std::string generation_text(const Generation& generation, const Generation* versus,
                            const TextStyle& style);
/// `model` here and below: what inspect() says of it, for `totals` and `tensors`.
std::string generation_json(const Generation& generation, const Report& model,
                            const Generation* versus);

/// "stopped at the end token after 9 tokens, 512.3 tokens/s".
std::string generation_facts(const Generation& generation);

/// The first place where the new tokens are not the same; nothing when they all are.
std::optional<std::size_t> first_difference(const Generation& a, const Generation& b);

std::string evaluation_text(const Evaluation& evaluation, const TextStyle& style);

/// The facts about how far the predictions are from the reference's; nothing without one.
void add_fidelity(Lines& lines, const Evaluation& evaluation);

/// The members of an object, from `text` to the figures against the reference.
void write_evaluation(JsonWriter& writer, const Evaluation& evaluation);

std::string evaluation_json(const Evaluation& evaluation, const Report& model);

/// The error line of an evaluation with gates that failed; nothing when all held.
std::optional<std::string> failure(const Evaluation& evaluation);

std::string calibration_text(const Calibration& calibration);
std::string calibration_json(const Calibration& calibration, const Report& model);

}  // namespace octet::report
