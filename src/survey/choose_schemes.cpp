// Three parts: the schemes that each tensor may have, their measurement in runs of some 1,024
// tries, and the planner's choice. What is chosen is measured once more where its statistics are
// wanted.
#include "survey/choose_schemes.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "base/json_text.hpp"
#include "formats/octet_set/sidecar.hpp"
#include "octet/error.hpp"
#include "plan/candidates.hpp"
#include "plan/spared.hpp"
#include "quant/storage_layout.hpp"
#include "survey/equal_ties.hpp"
#include "survey/measure.hpp"

namespace octet::survey {
namespace {

/// Lists that are equal stand there once.
class ListMaker {
  public:
    std::uint32_t number_of(const std::vector<Scheme>& list) {
        const auto number = std::find(lists_.begin(), lists_.end(), list) - lists_.begin();
        if (static_cast<std::size_t>(number) == lists_.size()) lists_.push_back(list);
        return static_cast<std::uint32_t>(number);
    }
    std::vector<std::vector<Scheme>> take() { return std::move(lists_); }

  private:
    std::vector<std::vector<Scheme>> lists_ = {std::vector<Scheme>()};
};

/// With `spares` what plan::spared_by_planner() names has no choice but to be copied.
plan::SchemeLists schemes_to_measure(const plan::Decisions& decisions, bool spares) {
    const std::vector<std::string> spared =
        spares ? plan::spared_by_planner(decisions)
               : std::vector<std::string>(decisions.tensors.size());
    ListMaker lists;
    plan::SchemeLists schemes;
    schemes.of.reserve(decisions.tensors.size());
    for (std::size_t i = 0; i < decisions.tensors.size(); ++i) {
        const TensorReport& tensor = decisions.tensors[i];
        std::vector<Scheme> own;
        if (decisions.deciders[i] != plan::Decider::kPlanner) {
            if (tensor.scheme) own.push_back(*tensor.scheme);
        } else if (spared[i].empty()) {
            own = plan::candidate_schemes(tensor);
        }
        schemes.of.push_back(lists.number_of(own));
    }
    schemes.lists = lists.take();
    return schemes;
}

/// For each tensor the one that it is stored with whatever is chosen: tied, with equal bytes, and
/// decided alike.
std::vector<std::optional<std::uint32_t>> equal_tensors(const checkpoint::Checkpoint& checkpoint,
                                                        const plan::Decisions& decisions,
                                                        const WriteOptions& options) {
    auto equal = equal_ties(checkpoint, decisions.tensors, options);
    const auto planned = [&](std::size_t i) {
        return decisions.deciders[i] == plan::Decider::kPlanner;
    };
    for (std::size_t i = 0; i < equal.size(); ++i) {
        if (equal[i] && planned(i) != planned(*equal[i])) equal[i].reset();
    }
    return equal;
}

}  // namespace

std::unique_ptr<plan::Planner> make_planner(const formats::Format& format,
                                            const checkpoint::Checkpoint& checkpoint,
                                            const plan::Decisions& decisions,
                                            const plan::Importance* importance,
                                            const WriteOptions& options, bool spares) {
    const auto equal = equal_tensors(checkpoint, decisions, options);
    plan::SchemeLists schemes = schemes_to_measure(decisions, spares);
    std::vector<plan::TensorChoices> choices(schemes.of.size());
    for (std::size_t i = 0; i < choices.size(); ++i) {
        if (equal[i]) schemes.of[i] = 0;
        const bool fixed =
            decisions.deciders[i] != plan::Decider::kPlanner && decisions.tensors[i].scheme;
        choices[i] = {!fixed, equal[i]};
    }
    plan::Measurements measured(std::move(schemes));
    measure(checkpoint, measured.lists(), importance, options,
            [&](std::size_t tensor, const TensorStatistics& statistics,
                const quant::WideSum& signal) { measured.add(tensor, statistics, signal); });
    return std::make_unique<plan::Planner>(format, checkpoint, decisions.tensors,
                                           std::move(measured), std::move(choices));
}

namespace {

PlannedChoice choice_of(std::unique_ptr<plan::Planner> planner,
                        const octet_set::CodeOptions& options) {
    plan::Plan choice = options.max_size ? planner->within(*options.max_size)
                                         : planner->reaching(options.target_sqnr_db.value());
    return {std::move(planner), std::move(choice)};
}

}  // namespace

PlannedChoice make_choice(const formats::Format& format, const checkpoint::Checkpoint& checkpoint,
                          const plan::Decisions& decisions,
                          const octet_set::CodeOptions& code_options,
                          const plan::Importance* importance, const WriteOptions& options) {
    try {
        return choice_of(make_planner(format, checkpoint, decisions, importance, options, true),
                         code_options);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::kCheckFailed) throw;
    }
    WriteOptions quiet = options;  // its progress was that of measuring once
    quiet.progress = {};
    return choice_of(make_planner(format, checkpoint, decisions, importance, quiet, false),
                     code_options);
}

double add_statistics(const checkpoint::Checkpoint& checkpoint, std::vector<TensorReport>& tensors,
                      const plan::Importance* importance, const WriteOptions& options) {
    WriteOptions quiet = options;  // nearly all of the progress was that of measuring
    quiet.progress = {};
    ListMaker lists;
    plan::SchemeLists schemes;
    for (const TensorReport& tensor : tensors)
        schemes.of.push_back(
            tensor.scheme && tensor.same_as.empty() ? lists.number_of({*tensor.scheme}) : 0);
    schemes.lists = lists.take();
    quant::WideSum sum_of_squares;
    const auto take = [&](std::size_t tensor, const TensorStatistics& statistics,
                          const quant::WideSum& signal) {
        tensors[tensor].statistics = statistics;
        sum_of_squares += signal;
    };
    measure(checkpoint, schemes, importance, quiet, take);
    octet_set::resolve_ties(tensors);
    return six_digits(sum_of_squares.as_double());
}

std::uint64_t bytes_to_measure(const checkpoint::Checkpoint& checkpoint,
                               const plan::Decisions& decisions) {
    const plan::SchemeLists schemes = schemes_to_measure(decisions, true);
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < schemes.of.size(); ++i)
        bytes += checkpoint.tensors[i].byte_count * schemes[i].size();
    return bytes;
}

}  // namespace octet::survey
