#include "run/preparation.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "checkpoint/kind.hpp"
#include "checkpoint/ties.hpp"
#include "octet/error.hpp"
#include "plan/output_plan.hpp"
#include "quant/affine.hpp"
#include "quant/stored_form.hpp"
#include "run/engine.hpp"
#include "run/measure.hpp"
#include "run/output.hpp"
#include "run/tile_work.hpp"

namespace octet::run {
namespace {

std::vector<TensorJob> scan_jobs(const checkpoint::Checkpoint& checkpoint, const std::vector<TensorReport>& tensors) {
    std::vector<TensorJob> jobs(tensors.size());
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const checkpoint::Tensor& source = checkpoint.tensors[i];
        TensorJob& job = jobs[i];
        job.codec = Codec::kScan;
        job.source_dtype = source.dtype;
        job.source = &checkpoint.shards[source.shard].file;
        job.source_offset = source.offset;
        job.elements =
            tensors[i].scheme && tensors[i].same_as.empty() ? source.byte_count * 8 / dtype_bits(source.dtype) : 0;
        job.name = source.name;
        job.shape = &source.shape;
    }
    return jobs;
}

/// What quantize refuses tensors for. Of those in blocks only a try can tell which range is too wide.
enum class Doubt : std::uint8_t { kNone, kIsTooWide, kIsNotFinite, kMayBeTooWide };

Doubt doubt_of(const TensorJob& job, const TensorReport& tensor) {
    if (job.elements == 0) return Doubt::kNone;
    if (!job.range.finite) return Doubt::kIsNotFinite;
    if (!quant::uses_blocks(*tensor.scheme)) return quant::overflows(job.range) ? Doubt::kIsTooWide : Doubt::kNone;
    // A scale or zero point is at most twice the largest value; the largest F16 is 65,504. BF16 rounds up at the end of float32.
    const float most = tensor.scheme->scale_dtype == ScaleDtype::kF32 ? std::numeric_limits<float>::max() / 2 : 32'000;
    return std::max(job.range.max, -job.range.min) >= most ? Doubt::kMayBeTooWide : Doubt::kNone;
}

/// The numbers of the tensors that tensor `i` may be stored with, by all that headers and options say.
std::vector<std::vector<std::size_t>> possible_ties(const checkpoint::Checkpoint& checkpoint,
                                                    const std::vector<TensorReport>& tensors) {
    auto ties = checkpoint::tie_candidates(checkpoint::detect_family(tensors), tensors);
    for (std::size_t i = 0; i < ties.size(); ++i) {
        std::erase_if(ties[i], [&](std::size_t other) {
            return checkpoint.tensors[i].shard != checkpoint.tensors[other].shard ||
                   tensors[i].scheme != tensors[other].scheme;
        });
    }
    return ties;
}

bool have_equal_bytes(const checkpoint::Checkpoint& checkpoint, const checkpoint::Tensor& a,
                      const checkpoint::Tensor& b, const WriteOptions& options) {
    constexpr std::uint64_t kPart = 1U << 20U;
    std::vector<std::byte> parts_of_a(std::min(kPart, a.byte_count));
    std::vector<std::byte> parts_of_b(parts_of_a.size());
    for (std::uint64_t at = 0; at < a.byte_count; at += kPart) {
        check_stop(options);
        const std::uint64_t count = std::min(kPart, a.byte_count - at);
        const std::span<std::byte> of_a = std::span(parts_of_a).first(count);
        const std::span<std::byte> of_b = std::span(parts_of_b).first(count);
        checkpoint.shards[a.shard].file.read_at(of_a, a.offset + at);
        checkpoint.shards[b.shard].file.read_at(of_b, b.offset + at);
        if (!std::equal(of_a.begin(), of_a.end(), of_b.begin())) return false;
    }
    return true;
}

}  // namespace

std::vector<std::optional<std::uint32_t>> equal_ties(const checkpoint::Checkpoint& checkpoint,
                                                     const std::vector<TensorReport>& tensors,
                                                     const WriteOptions& options) {
    const auto ties = possible_ties(checkpoint, tensors);
    std::vector<std::optional<std::uint32_t>> equal(ties.size());
    for (std::size_t i = 0; i < ties.size(); ++i) {
        for (const std::size_t other : ties[i]) {
            if (equal[i]) break;
            if (have_equal_bytes(checkpoint, checkpoint.tensors[i], checkpoint.tensors[other], options))
                equal[i] = static_cast<std::uint32_t>(other);
        }
    }
    for (auto& tie : equal) {  // to the one that is stored
        while (tie && equal[*tie]) tie = equal[*tie];
    }
    return equal;
}

void tie_equal(const checkpoint::Checkpoint& checkpoint, std::vector<TensorReport>& tensors,
               const WriteOptions& options) {
    const auto ties = equal_ties(checkpoint, tensors, options);
    for (std::size_t i = 0; i < ties.size(); ++i) {
        if (!ties[i]) continue;
        tensors[i].same_as = tensors[*ties[i]].name;
        tensors[i].output_bytes = 0;
    }
}

bool may_tie(const checkpoint::Checkpoint& checkpoint, const std::vector<TensorReport>& tensors) {
    const auto ties = possible_ties(checkpoint, tensors);
    return std::any_of(ties.begin(), ties.end(), [](const auto& others) { return !others.empty(); });
}

CodeInputs code_inputs(const QuantizeOptions& options) {
    CodeInputs inputs;
    if (options.max_size && options.target_sqnr_db)
        throw Error(ErrorCode::kUsage, "--max-size and --target-sqnr", "each says how far to go; give one of the two");
    if (options.target_sqnr_db && !std::isfinite(*options.target_sqnr_db))
        throw Error(ErrorCode::kUsage, "--target-sqnr",
                    fmt::format("{} is no target; give a finite number", *options.target_sqnr_db));
    inputs.options.preset = options.preset;
    inputs.options.max_size = options.max_size;
    inputs.options.target_sqnr_db = options.target_sqnr_db;
    inputs.options.scheme = plan::asked_scheme(options.preset, options.scheme);
    inputs.options.on_non_finite = options.on_non_finite;
    inputs.options.rules = options.rules;
    if (!options.importance) return inputs;
    inputs.importance = std::make_unique<Importance>(*options.importance);
    inputs.options.importance = inputs.importance->checksum();
    return inputs;
}

std::vector<bool> find_not_finite(const checkpoint::Checkpoint& checkpoint, const std::vector<TensorReport>& tensors,
                                  const WriteOptions& options) {
    std::vector<TensorJob> jobs = scan_jobs(checkpoint, tensors);
    run_jobs(jobs, options);
    std::vector<bool> found;
    for (const TensorJob& job : jobs) found.push_back(!job.range.finite || quant::overflows(job.range));
    return found;
}

void refuse_not_finite(const checkpoint::Checkpoint& checkpoint, const std::vector<TensorReport>& tensors,
                       const Importance* importance, const WriteOptions& options) {
    std::vector<TensorJob> jobs = scan_jobs(checkpoint, tensors);
    run_jobs(jobs, options);
    plan::SchemeLists tries{{{}}, std::vector<std::uint32_t>(tensors.size())};
    TensorJob* too_wide = nullptr;
    for (std::size_t i = 0; i < jobs.size() && too_wide == nullptr; ++i) {
        const Doubt doubt = doubt_of(jobs[i], tensors[i]);
        if (doubt == Doubt::kIsTooWide) too_wide = &jobs[i];
        if (doubt != Doubt::kIsNotFinite && doubt != Doubt::kMayBeTooWide) continue;
        tries.of[i] = static_cast<std::uint32_t>(tries.lists.size());
        tries.lists.push_back({*tensors[i].scheme});
        if (doubt == Doubt::kIsNotFinite) break;
    }
    WriteOptions quiet = options;
    quiet.progress = {};
    measure(checkpoint, tensors, tries, importance, quiet, [](std::size_t, const TensorStatistics&, double) {});
    if (too_wide == nullptr) return;
    too_wide->codec = Codec::kQuantize;
    settle_range(*too_wide);
}

}  // namespace octet::run
