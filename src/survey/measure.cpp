// Tries become tasks of codecs/measure in runs of a bounded number, so that what is remembered of
// each does not grow with the checkpoint.
#include "survey/measure.hpp"

#include <algorithm>
#include <span>
#include <vector>

#include "codecs/measure.hpp"
#include "codecs/run.hpp"
#include "octet/error.hpp"
#include "pipeline/workers.hpp"
#include "survey/jobs.hpp"

namespace octet::survey {
namespace {

/// Tries of one run: what is remembered of each until its end is small, but not nothing.
constexpr std::size_t kMostTries = 1024;

/// The tensors from `first` on that are measured in one run.
struct Part {
    std::size_t first = 0;
    std::size_t end = 0;
    std::uint64_t source_bytes = 0;  ///< each as often as it is tried
};

Part part_from(std::size_t first, const checkpoint::Checkpoint& checkpoint,
               const plan::SchemeLists& schemes) {
    Part part{first, first, 0};
    std::size_t tries = 0;
    for (; part.end < schemes.of.size() && tries < kMostTries; ++part.end) {
        tries += schemes[part.end].size();
        part.source_bytes += checkpoint.tensors[part.end].byte_count * schemes[part.end].size();
    }
    return part;
}

/// Of the tries of one tensor. A scheme that cannot hold its values is one that loses everything;
/// one that some scheme holds is no bad input.
void tell(std::size_t tensor, std::uint64_t elements, std::span<const codecs::Measured> tries,
          const OnMeasured& on_measured) {
    const auto holds = [](const codecs::Measured& one) { return one.problem.empty(); };
    const auto held = std::find_if(tries.begin(), tries.end(), holds);
    if (held == tries.end() && !tries.empty())
        throw Error(ErrorCode::kBadInput, tries.back().problem);
    for (const codecs::Measured& one : tries) {
        TensorStatistics statistics =
            quant::tensor_statistics(one.made.sums, elements, one.made.bound);
        if (!holds(one)) statistics = {.sqnr_db = -plan::kCannotHold, .rmse = plan::kCannotHold};
        on_measured(tensor, statistics, held->made.sums.signal);
    }
}

void measure_part(const Part& part, const checkpoint::Checkpoint& checkpoint,
                  const plan::SchemeLists& schemes, const plan::Importance* importance,
                  const WriteOptions& options, const OnMeasured& on_measured) {
    std::vector<codecs::Measured> results;
    const codecs::TakeMeasured take = [&](std::size_t number, codecs::Measured&& measured) {
        results[number] = std::move(measured);
    };
    codecs::TaskList tasks;
    std::size_t count = 0;
    for (std::size_t i = part.first; i < part.end; ++i) {
        for (const Scheme& scheme : schemes[i])
            tasks.add<codecs::MeasureTask>(quantize_job(checkpoint, i, scheme, importance),
                                           source_of(checkpoint, i), count++, take);
    }
    results.resize(count);
    tasks.run(options);
    std::size_t number = 0;
    for (std::size_t i = part.first; i < part.end; number += schemes[i].size(), ++i) {
        const std::uint64_t elements = element_count(checkpoint.tensors[i].shape).value_or(0);
        tell(i, elements, std::span(results).subspan(number, schemes[i].size()), on_measured);
    }
}

}  // namespace

void measure(const checkpoint::Checkpoint& checkpoint, const plan::SchemeLists& schemes,
             const plan::Importance* importance, const WriteOptions& options,
             const OnMeasured& on_measured) {
    std::uint64_t total_bytes = 0;
    for (std::size_t i = 0; i < schemes.of.size(); ++i)
        total_bytes += checkpoint.tensors[i].byte_count * schemes[i].size();
    std::uint64_t done_bytes = 0;
    for (Part part = part_from(0, checkpoint, schemes); part.end > part.first;
         part = part_from(part.end, checkpoint, schemes)) {
        WriteOptions part_options = options;
        part_options.progress = pipeline::part_of(options.progress, done_bytes, total_bytes);
        measure_part(part, checkpoint, schemes, importance, part_options, on_measured);
        done_bytes += part.source_bytes;
    }
}

}  // namespace octet::survey
