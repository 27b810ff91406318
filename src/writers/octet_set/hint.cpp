// A weight below 20 dB is worth a line; what --preset q8 would give it is measured where it is
// small, else the line points to octet plan.
#include "writers/octet_set/hint.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/error.hpp"
#include "plan/decide.hpp"
#include "survey/measure.hpp"

namespace octet::writers {
namespace {

/// Below this a weight keeps less than a tenth of its amplitude's precision: models begin to
/// suffer.
constexpr double kLowSqnr = 20;

/// More than this is not read once more for a hint.
constexpr std::uint64_t kMostMeasuredBytes = 32U << 20U;

/// Quantized weights, embeddings and heads below the limit, the worst first.
std::vector<std::uint32_t> low_weights(const Report& report) {
    std::vector<std::uint32_t> low;
    for (std::uint32_t i = 0; i < report.tensors.size(); ++i) {
        const TensorReport& t = report.tensors[i];
        const bool is_weight =
            t.kind == Kind::kWeight || t.kind == Kind::kEmbedding || t.kind == Kind::kHead;
        if (is_weight && t.statistics && t.same_as.empty() && t.statistics->sqnr_db < kLowSqnr)
            low.push_back(i);
    }
    std::stable_sort(low.begin(), low.end(), [&](std::uint32_t a, std::uint32_t b) {
        return report.tensors[a].statistics->sqnr_db < report.tensors[b].statistics->sqnr_db;
    });
    return low;
}

/// What --preset q8 would make of those tensors, in words. One whose values it could not quantize
/// is left to the plan.
std::string with_q8(const checkpoint::Checkpoint& checkpoint, const std::vector<std::uint32_t>& low,
                    const QuantizeOptions& options, const plan::Importance* importance) {
    constexpr std::string_view kSeePlan = "--preset q8 may do better: see octet plan --preset q8";
    std::uint64_t bytes = 0;
    for (const std::uint32_t i : low) bytes += checkpoint.tensors[i].byte_count;
    if (bytes > kMostMeasuredBytes) return std::string(kSeePlan);
    octet_set::CodeOptions q8;
    q8.preset = Preset::kQ8;
    const plan::Decisions decisions = plan::decide(checkpoint, q8, {});
    plan::SchemeLists tries{{{}}, std::vector<std::uint32_t>(decisions.tensors.size())};
    for (const std::uint32_t i : low) {
        if (!decisions.tensors[i].scheme) continue;
        tries.of[i] = static_cast<std::uint32_t>(tries.lists.size());
        tries.lists.push_back({*decisions.tensors[i].scheme});
    }
    const std::string_view them = low.size() == 1 ? "it" : "them";
    if (tries.lists.size() == 1) return fmt::format("--preset q8 copies {}", them);
    WriteOptions quiet = options.write;
    quiet.progress = {};
    std::optional<double> least;
    try {
        survey::measure(checkpoint, tries, importance, quiet,
                        [&](std::size_t, const TensorStatistics& found, const quant::WideSum&) {
                            least = std::min(least.value_or(found.sqnr_db), found.sqnr_db);
                        });
    } catch (const Error& error) {
        if (error.code() != ErrorCode::kBadInput) throw;
        return std::string(kSeePlan);
    }
    return fmt::format("--preset q8 gives {}{} {:.2f} dB", them, low.size() == 1 ? "" : " at least",
                       *least);
}

}  // namespace

std::string hint_of(const checkpoint::Checkpoint& checkpoint, const Report& report,
                    const QuantizeOptions& options, const plan::Importance* importance) {
    if (report.totals.quantized == 0) {
        const bool has_floats =
            std::any_of(report.tensors.begin(), report.tensors.end(),
                        [](const TensorReport& t) { return is_quantizable(t.dtype); });
        return has_floats ? "nothing was quantized: every tensor is kept, for the reasons above"
                          : "nothing was quantized: no tensor is F16, BF16, F32 or F64";
    }
    const std::vector<std::uint32_t> low = low_weights(report);
    if (low.empty() || options.preset == Preset::kQ8) return "";
    const TensorReport& worst = report.tensors[low.front()];
    const std::string others = low.size() == 1
                                   ? ""
                                   : fmt::format(" (and {} below {} dB)",
                                                 counted(low.size() - 1, "more weight"), kLowSqnr);
    return fmt::format("{} has {:.2f} dB{}; {}", in_quotes(worst.name), worst.statistics->sqnr_db,
                       others, with_q8(checkpoint, low, options, importance));
}

}  // namespace octet::writers
