// The planner on real checkpoints: budgets are kept to the byte, more of it never gives more error,
// and what was measured is what the run does.
#include <cmath>
#include <cstdlib>

#include "base/json_text.hpp"
#include "formats/layout.hpp"
#include "formats/octet_set/octet_format.hpp"
#include "octet/octet.hpp"
#include "plan/planner.hpp"
#include "support.hpp"
#include "survey/choose_schemes.hpp"
#include "survey/equal_ties.hpp"

namespace octet::test {
namespace {

namespace fs = std::filesystem;

const octet_set::OctetFormat kFormat;
const fs::path kTestdata = OCTET_TESTDATA_DIR;

std::uint64_t bytes_of(const checkpoint::Checkpoint& checkpoint,
                       const std::vector<TensorReport>& tensors) {
    std::uint64_t bytes = 0;
    for (const formats::FilePlan& file :
         formats::lay_out(octet_set::OctetFormat(), checkpoint, tensors).files)
        bytes += file.byte_count;
    return bytes;
}

/// Budgets of even ratios from the smallest set to one as large as the source.
void sweep(const fs::path& path, int budgets) {
    const checkpoint::Checkpoint checkpoint = checkpoint::open_checkpoint(path);
    octet_set::CodeOptions options;
    options.max_size = 1;
    const plan::Decisions decisions = plan::decide(checkpoint, options, {});
    const auto planner = survey::make_planner(kFormat, checkpoint, decisions, nullptr, {});
    const std::vector<CurvePoint> curve = planner->curve();
    REQUIRE(curve.size() >= 10);
    const auto smallest = static_cast<double>(curve.front().byte_count);
    const double largest = static_cast<double>(curve.back().byte_count) * 1.1;
    REQUIRE(error_of([&] {
                planner->within(curve.front().byte_count - 1);
            }).starts_with("1 --max-size: "));
    double before = INFINITY;
    int lower = 0;
    for (int i = 0; i < budgets; ++i) {
        const auto budget = static_cast<std::uint64_t>(
            smallest * std::pow(largest / smallest, i / (budgets - 1.0)));
        const plan::Plan found = planner->within(budget);
        CAPTURE(budget, found.byte_count, found.sqnr_db);
        REQUIRE(found.byte_count <= budget);
        REQUIRE(found.loss <= before);
        lower += found.loss < before ? 1 : 0;
        before = found.loss;
        if (found.least_loss) REQUIRE(found.loss >= *found.least_loss * 0.999999);
        std::vector<TensorReport> tensors =
            plan::decide(checkpoint, options, {}, found.chosen).tensors;
        survey::tie_equal(checkpoint, tensors, {});
        REQUIRE(bytes_of(checkpoint, tensors) == found.byte_count);
    }
    REQUIRE(lower >= budgets * 2 / 3);
    REQUIRE(before == 0);
    for (std::size_t i = 1; i < curve.size(); ++i) {
        REQUIRE(curve[i].byte_count > curve[i - 1].byte_count);
        REQUIRE(curve[i].sqnr_db > curve[i - 1].sqnr_db);
    }
}

}  // namespace

TEST_CASE("the planner keeps to every budget of a sweep, and error falls with it") {
    sweep(kTestdata / "tiny-gpt2", 30);
    sweep(kTestdata / "tiny-flan-t5", 30);
    if (const char* const shared = std::getenv("OCTET_SHARED"))
        sweep(fs::path(shared) / "data" / "gpt2-124m-partial", 30);
}

TEST_CASE("what the planner measured is what quantize does") {
    const TemporaryFolder folder;
    for (const char* const name : {"tiny-gpt2", "tiny-flan-t5"}) {
        QuantizeOptions options;
        options.write.sync = false;
        options.max_size = fs::file_size(kTestdata / name / "model.safetensors") / 6;
        options.rules = {parse_rule("*norm*=u8-trunc"), parse_rule("*.ln_?.*=u8-trunc")};
        options.rules.erase(options.rules.begin() +
                            (std::string_view(name) == "tiny-gpt2" ? 0 : 1));
        const PlanReport plan = plan_quantize(kTestdata / name, options, false);
        const Report report = quantize(kTestdata / name, folder / name, options);
        REQUIRE(plan.totals.output_bytes == report.totals.output_bytes);
        REQUIRE(plan.totals.output_bytes <= *options.max_size);
        REQUIRE(plan.totals.output_bytes > *options.max_size * 99 / 100);
        REQUIRE(std::abs(*plan.totals.sqnr_db - *report.totals.sqnr_db) < 1e-4);
        for (std::size_t i = 0; i < report.tensors.size(); ++i) {
            const TensorReport& planned = plan.tensors[i];
            const TensorReport& made = report.tensors[i];
            CAPTURE(made.name);
            REQUIRE(planned.scheme == made.scheme);
            if (!made.scheme) continue;
            REQUIRE(std::abs(planned.statistics->rmse - made.statistics->rmse) <=
                    1e-5 * made.statistics->rmse);
            REQUIRE(planned.statistics->max_abs_error == made.statistics->max_abs_error);
            REQUIRE(planned.statistics->clipped == made.statistics->clipped);
        }
    }
}

TEST_CASE("statistics that are measured once more are those that the planner kept") {
    for (const char* const name : {"tiny-gpt2", "tiny-flan-t5"}) {
        const checkpoint::Checkpoint checkpoint = checkpoint::open_checkpoint(kTestdata / name);
        octet_set::CodeOptions options;
        options.max_size = fs::file_size(kTestdata / name / "model.safetensors") / 6;
        const plan::Decisions decisions = plan::decide(checkpoint, options, {});
        const plan::Plan found = survey::make_planner(kFormat, checkpoint, decisions, nullptr, {})
                                     ->within(*options.max_size);
        REQUIRE(found.statistics.size() == decisions.tensors.size());
        std::vector<TensorReport> tensors =
            plan::decide(checkpoint, options, {}, found.chosen).tensors;
        survey::tie_equal(checkpoint, tensors, {});
        REQUIRE(survey::add_statistics(checkpoint, tensors, nullptr, {}) == found.sum_of_squares);
        for (std::size_t i = 0; i < tensors.size(); ++i) {
            CAPTURE(tensors[i].name);
            REQUIRE(tensors[i].statistics.has_value() == tensors[i].scheme.has_value());
            if (tensors[i].scheme) REQUIRE(*tensors[i].statistics == found.statistics[i]);
        }
    }
}

TEST_CASE("of more tries than can be kept the errors stay as exact, and the rest is not there") {
    for (const std::size_t tensors : {10U, 40'000U}) {
        plan::SchemeLists lists{{{}, {Scheme{}}}, std::vector<std::uint32_t>(tensors, 1)};
        plan::Measurements measured(std::move(lists));
        const auto statistics_of = [](std::size_t i) {
            TensorStatistics statistics;
            statistics.rmse = six_digits(std::exp2(static_cast<double>(i % 150) - 75) / 3);
            return statistics;
        };
        for (std::size_t i = 0; i < tensors; ++i)
            measured.add(i, statistics_of(i), static_cast<double>(i));
        for (std::size_t i = 0; i < tensors; ++i) {
            if (measured.rmse(i, 0) != statistics_of(i).rmse ||
                measured.signal(i, 0) != static_cast<double>(i))
                FAIL(i);
        }
        REQUIRE((measured.statistics(3, 0) != nullptr) == (tensors == 10));
    }
}

TEST_CASE(
    "a target is reached in the figure that the run reports, by the fewest bytes of those asked "
    "for") {
    const TemporaryFolder folder;
    std::uint64_t before = 0;
    for (const double target : {12.0, 24.0, 36.0, 42.0, 60.0}) {
        QuantizeOptions options;
        options.write.sync = false;
        options.write.force = true;
        options.target_sqnr_db = target;
        const Report report = quantize(kTestdata / "tiny-flan-t5", folder / "set", options);
        CAPTURE(target, report.totals.output_bytes);
        if (report.totals.sqnr_db) REQUIRE(*report.totals.sqnr_db >= target);
        REQUIRE(report.totals.output_bytes >= before);
        before = report.totals.output_bytes;
    }
}

}  // namespace octet::test
