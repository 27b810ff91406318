// A scan finds the ranges; only where a range is so large that a scheme may not hold it is the
// tensor quantized for a try, as quantize would.
#include "survey/examine_values.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "base/text.hpp"
#include "codecs/run.hpp"
#include "codecs/scan.hpp"
#include "octet/error.hpp"
#include "plan/decide.hpp"
#include "quant/finite_state.hpp"
#include "quant/storage_layout.hpp"
#include "survey/jobs.hpp"
#include "survey/measure.hpp"

namespace octet::survey {
namespace {

/// The ranges of the tensors that have a scheme and are no other's; of the others nothing.
std::vector<std::optional<kernels::Range>> ranges_of(const checkpoint::Checkpoint& checkpoint,
                                                     const std::vector<TensorReport>& tensors,
                                                     const WriteOptions& options) {
    std::vector<std::optional<kernels::Range>> ranges(tensors.size());
    const codecs::TakeResult take = [&](std::size_t i, codecs::TensorResult&& result) {
        ranges[i] = result.range;
    };
    codecs::TaskList tasks;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        if (tensors[i].scheme && tensors[i].same_as.empty())
            tasks.add<codecs::ScanTask>(source_of(checkpoint, i), checkpoint.tensors[i].dtype, i,
                                        take);
    }
    tasks.run(options);
    return ranges;
}

/// What quantize may refuse a tensor for. Which range is too wide for a scheme only a try can tell.
enum class RangeIssue : std::uint8_t { kNone, kIsNotFinite, kMayBeTooWide };

RangeIssue issue_of(const kernels::Range& range, const Scheme& scheme, Dtype dtype) {
    if (!range.finite) return RangeIssue::kIsNotFinite;
    // A scale or zero point is at most twice the largest value; the largest F16 is 65,504.
    constexpr float kMostF16 = 32'000;
    const float magnitude = std::max(range.max, -range.min);
    const bool is_far = quant::is_far_from_infinite(magnitude, dtype);
    return is_far && (scheme.scale_dtype == ScaleDtype::kF32 || magnitude < kMostF16)
               ? RangeIssue::kNone
               : RangeIssue::kMayBeTooWide;
}

/// Of a tensor alone, by trying it.
bool can_be_quantized(const checkpoint::Checkpoint& checkpoint,
                      const std::vector<TensorReport>& tensors, std::size_t number,
                      const plan::Importance* importance, const WriteOptions& options) {
    plan::SchemeLists tries{{{}, {*tensors[number].scheme}},
                            std::vector<std::uint32_t>(tensors.size())};
    tries.of[number] = 1;
    WriteOptions quiet = options;
    quiet.progress = {};
    try {
        measure(checkpoint, tries, importance, quiet,
                [](std::size_t, const TensorStatistics&, const quant::WideSum&) {});
    } catch (const Error& error) {
        if (error.code() != ErrorCode::kBadInput) throw;
        return false;
    }
    return true;
}

}  // namespace

CodeInputs code_inputs(const QuantizeOptions& options) {
    CodeInputs inputs;
    if (options.max_size && options.target_sqnr_db)
        throw Error(ErrorCode::kUsage, "--max-size and --target-sqnr",
                    "each says how far to go; give one of the two");
    if (options.target_sqnr_db && !std::isfinite(*options.target_sqnr_db))
        throw Error(ErrorCode::kUsage, "--target-sqnr",
                    fmt::format("{} is no target; give a finite number", *options.target_sqnr_db));
    for (const TensorRule& rule : options.rules) {
        if (!rule.type.empty())
            throw Error(
                ErrorCode::kUsage, "rule " + in_quotes(rule_text(rule)),
                "is a type of GGUF files, which --type and an output that ends in .gguf make");
    }
    inputs.options.preset = options.preset;
    inputs.options.max_size = options.max_size;
    inputs.options.target_sqnr_db = options.target_sqnr_db;
    inputs.options.scheme = plan::asked_scheme(options.preset, options.scheme);
    inputs.options.on_non_finite = options.on_non_finite;
    inputs.options.rules = options.rules;
    if (!options.importance) return inputs;
    inputs.importance = std::make_unique<plan::Importance>(*options.importance);
    inputs.options.importance = inputs.importance->checksum();
    return inputs;
}

std::vector<bool> find_not_finite(const checkpoint::Checkpoint& checkpoint,
                                  const std::vector<TensorReport>& tensors,
                                  const plan::Importance* importance, const WriteOptions& options) {
    const auto ranges = ranges_of(checkpoint, tensors, options);
    std::vector<bool> found;
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        const RangeIssue issue = ranges[i]
                                     ? issue_of(*ranges[i], *tensors[i].scheme, tensors[i].dtype)
                                     : RangeIssue::kNone;
        found.push_back(issue == RangeIssue::kMayBeTooWide
                            ? !can_be_quantized(checkpoint, tensors, i, importance, options)
                            : issue != RangeIssue::kNone);
    }
    return found;
}

void refuse_not_finite(const checkpoint::Checkpoint& checkpoint,
                       const std::vector<TensorReport>& tensors, const plan::Importance* importance,
                       const WriteOptions& options) {
    const auto ranges = ranges_of(checkpoint, tensors, options);
    plan::SchemeLists tries{{{}}, std::vector<std::uint32_t>(tensors.size())};
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        const RangeIssue issue = ranges[i]
                                     ? issue_of(*ranges[i], *tensors[i].scheme, tensors[i].dtype)
                                     : RangeIssue::kNone;
        if (issue == RangeIssue::kNone) continue;
        tries.of[i] = static_cast<std::uint32_t>(tries.lists.size());
        tries.lists.push_back({*tensors[i].scheme});
        if (issue == RangeIssue::kIsNotFinite) break;
    }
    WriteOptions quiet = options;
    quiet.progress = {};
    measure(checkpoint, tries, importance, quiet,
            [](std::size_t, const TensorStatistics&, const quant::WideSum&) {});
}

}  // namespace octet::survey
