// Tries become tasks that write nothing, in runs of a bounded number, so that what is remembered of
// each does not grow with the checkpoint.
#include "writers/gguf/choose_types.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "base/text.hpp"
#include "codecs/encode_rows.hpp"
#include "codecs/run.hpp"
#include "formats/gguf/mixtures.hpp"
#include "octet/error.hpp"
#include "pipeline/workers.hpp"
#include "survey/jobs.hpp"
#include "writers/gguf/jobs.hpp"

namespace octet::writers {
namespace {

/// Tries of one run: what is remembered of each until its end is small, but not nothing.
constexpr std::size_t kMostTries = 1024;

Dtype dtype_of(const checkpoint::Checkpoint& checkpoint, const gguf::TypedFileTensor& one) {
    return one.tensor.is_made() ? Dtype::kF32 : checkpoint.tensors[one.tensor.source].dtype;
}

/// The types that a tensor may have; a single one where it is decided.
std::vector<plan::TypeTry> tries_of(const checkpoint::Checkpoint& checkpoint,
                                    const GgufContents& contents, const QuantizeOptions& options,
                                    std::size_t tensor) {
    const gguf::TypedFileTensor& one = contents.tensors[tensor];
    const Dtype dtype = dtype_of(checkpoint, one);
    std::vector<plan::TypeTry> tries;
    if (!is_planned(contents, options, tensor))
        return {{one.type, !one.tensor.is_made() && !one.is_kept && is_lossy(one.type, dtype)}};
    for (const ggml::Type type : plan::candidate_types(one.tensor.row(), dtype))
        tries.push_back({type, is_lossy(type, dtype)});
    return tries;
}

std::uint64_t lossy_tries(const std::vector<plan::TypeTry>& tries) {
    return static_cast<std::uint64_t>(std::count_if(
        tries.begin(), tries.end(), [](const plan::TypeTry& one) { return one.is_lossy; }));
}

std::uint64_t bytes_of_files(const gguf::FileFacts& facts,
                             const std::vector<gguf::TypedFileTensor>& tensors) {
    std::uint64_t bytes = 0;
    for (const gguf::DataFile& file : gguf::lay_out(facts, tensors).files) bytes += file.byte_count;
    return bytes;
}

/// With other types, where some are given.
std::uint64_t bytes_of_tensors(const std::vector<gguf::TypedFileTensor>& tensors,
                               const std::vector<ggml::Type>& types) {
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const ggml::Type type = types.empty() ? tensors[i].type : types[i];
        bytes += gguf::aligned(gguf::stored_bytes(type, tensors[i].tensor.shape));
    }
    return bytes;
}

/// One run of measurements, part by part.
class Measuring {
  public:
    Measuring(const checkpoint::Checkpoint& checkpoint, const GgufContents& contents,
              const plan::Importance* importance, const QuantizeOptions& options,
              const WriteOptions& running)
        : checkpoint_(checkpoint),
          contents_(contents),
          importance_(importance),
          options_(options),
          running_(running),
          total_(bytes_to_measure(checkpoint, contents, options)) {}

    plan::TypeTries run() {
        for (std::size_t first = 0; first < contents_.tensors.size();) first = measure_from(first);
        return std::move(result_);
    }

  private:
    /// Returns the first tensor behind the part.
    std::size_t measure_from(std::size_t first) {
        std::vector<std::vector<plan::TypeTry>> tries;
        std::vector<codecs::TensorResult> results;
        const codecs::TakeResult take = [&](std::size_t number, codecs::TensorResult&& result) {
            results[number] = std::move(result);
        };
        codecs::TaskList tasks;
        std::size_t count = 0;
        std::uint64_t bytes = 0;
        std::size_t tensor = first;
        for (; tensor < contents_.tensors.size() && count < kMostTries; ++tensor) {
            tries.push_back(tries_of(checkpoint_, contents_, options_, tensor));
            gguf::TypedFileTensor one = contents_.tensors[tensor];
            for (const plan::TypeTry& kind : tries.back()) {
                if (!kind.is_lossy) continue;
                one.type = kind.type;
                const checkpoint::Tensor& source = checkpoint_.tensors[one.tensor.source];
                tasks.add<codecs::EncodeRowsTask>(rows_job(one, source, importance_, options_),
                                                  survey::source_of(checkpoint_, one.tensor.source),
                                                  pipeline::Stretch{}, count++, take);
                bytes += source.byte_count;
            }
        }
        results.resize(count);
        WriteOptions part = running_;
        part.progress = pipeline::part_of(running_.progress, done_, total_);
        if (count > 0) tasks.run(part);
        done_ += bytes;
        add(first, tries, results);
        return tensor;
    }

    void add(std::size_t first, std::vector<std::vector<plan::TypeTry>>& tries,
             const std::vector<codecs::TensorResult>& results) {
        std::size_t number = 0;
        for (std::size_t i = 0; i < tries.size(); ++i) {
            double signal = 0;
            for (plan::TypeTry& one : tries[i]) {
                if (!one.is_lossy) continue;
                const quant::ErrorSums& sums = results[number++].sums;
                one.noise = sums.noise.as_double();
                one.max_abs_error = sums.max_abs_error;
                if (std::isfinite(one.max_abs_error)) signal = sums.signal.as_double();
            }
            std::erase_if(tries[i],
                          [](const plan::TypeTry& one) { return std::isinf(one.max_abs_error); });
            if (tries[i].empty()) refuse(contents_.tensors[first + i]);
            result_.add(tries[i], signal);
        }
    }

    [[noreturn]] void refuse(const gguf::TypedFileTensor& one) const {
        throw Error(ErrorCode::kBadInput, printable(checkpoint_.input),
                    fmt::format("tensor {} holds values that {} cannot; choose bf16 or f32 for it, "
                                "or --on-non-finite "
                                "keep, which copies such tensors",
                                in_quotes(checkpoint_.tensors[one.tensor.source].name),
                                ggml::traits_of(one.type).name));
    }

    const checkpoint::Checkpoint& checkpoint_;
    const GgufContents& contents_;
    const plan::Importance* importance_;
    const QuantizeOptions& options_;
    const WriteOptions& running_;
    std::uint64_t total_;
    std::uint64_t done_ = 0;
    plan::TypeTries result_;
};

}  // namespace

bool plans_types(const QuantizeOptions& options) {
    const auto is_equal = [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) == b;
    };
    return std::equal(options.type.begin(), options.type.end(), kPlannedType.begin(),
                      kPlannedType.end(), is_equal);
}

void check_planner_options(const QuantizeOptions& options) {
    const bool has_goal = options.max_size || options.target_sqnr_db;
    if (options.max_size && options.target_sqnr_db)
        throw Error(ErrorCode::kUsage, "--max-size and --target-sqnr",
                    "each says how far to go; give one of the two");
    if (options.target_sqnr_db && !std::isfinite(*options.target_sqnr_db))
        throw Error(ErrorCode::kUsage, "--target-sqnr",
                    fmt::format("{} is no target; give a finite number", *options.target_sqnr_db));
    if (has_goal && !plans_types(options))
        throw Error(ErrorCode::kUsage, options.max_size ? "--max-size" : "--target-sqnr",
                    fmt::format("is for the planner, and --type {} says itself what the file "
                                "holds; give --type gguf",
                                printable(options.type)));
    if (!has_goal && plans_types(options))
        throw Error(ErrorCode::kUsage, "--type",
                    "gguf leaves the types to the planner, which needs --max-size or "
                    "--target-sqnr; or name a type, "
                    "such as q4_k_m");
}

bool is_planned(const GgufContents& contents, const QuantizeOptions& options, std::size_t tensor) {
    if (!plans_types(options)) return false;
    const gguf::TypedFileTensor& one = contents.tensors[tensor];
    return one.tensor.may_be_quantized && !one.tensor.is_made() && !one.is_kept &&
           !contents.rules[tensor];
}

std::uint64_t bytes_to_measure(const checkpoint::Checkpoint& checkpoint,
                               const GgufContents& contents, const QuantizeOptions& options) {
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < contents.tensors.size(); ++i) {
        const std::uint64_t tries = lossy_tries(tries_of(checkpoint, contents, options, i));
        if (tries > 0)
            bytes += tries * checkpoint.tensors[contents.tensors[i].tensor.source].byte_count;
    }
    return bytes;
}

std::unique_ptr<plan::TypePlanner> make_type_planner(const checkpoint::Checkpoint& checkpoint,
                                                     const GgufContents& contents,
                                                     const gguf::FileFacts& facts,
                                                     const plan::Importance* importance,
                                                     const QuantizeOptions& options,
                                                     const WriteOptions& running) {
    plan::TypeTries tries = Measuring(checkpoint, contents, importance, options, running).run();
    // One header is as long whatever the types are, and with 200,000 tokens it is long: it is laid
    // out once.
    const std::uint64_t header_bytes =
        facts.split_size
            ? 0
            : bytes_of_files(facts, contents.tensors) - bytes_of_tensors(contents.tensors, {});
    const auto bytes_of = [&contents, &facts, header_bytes](const std::vector<ggml::Type>& types) {
        if (!facts.split_size) return header_bytes + bytes_of_tensors(contents.tensors, types);
        std::vector<gguf::TypedFileTensor> typed = contents.tensors;
        for (std::size_t i = 0; i < types.size(); ++i) typed[i].type = types[i];
        return bytes_of_files(facts, typed);
    };
    return std::make_unique<plan::TypePlanner>(contents.tensors, std::move(tries), bytes_of);
}

TypeChoice make_type_choice(const checkpoint::Checkpoint& checkpoint, const GgufContents& contents,
                            const gguf::FileFacts& facts, const plan::Importance* importance,
                            const QuantizeOptions& options, const WriteOptions& running) {
    if (contents.tensors.empty())
        throw Error(ErrorCode::kBadInput, printable(checkpoint.input),
                    "has no tensors, so there is nothing to choose");
    TypeChoice made{make_type_planner(checkpoint, contents, facts, importance, options, running),
                    {}};
    made.plan = options.max_size ? made.planner->within(*options.max_size)
                                 : made.planner->reaching(options.target_sqnr_db.value());
    return made;
}

void set_types(const plan::TypePlan& plan, GgufContents& contents) {
    std::map<ggml::Type, std::uint64_t> elements;
    for (std::size_t i = 0; i < plan.types.size(); ++i) {
        gguf::TypedFileTensor& one = contents.tensors[i];
        one.type = plan.types[i];
        if (one.tensor.may_be_quantized)
            elements[one.type] += element_count(one.tensor.shape).value_or(0);
    }
    const auto most =
        std::max_element(elements.begin(), elements.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    const gguf::Mixture* const mixture =
        most == elements.end() ? nullptr : gguf::find_mixture(ggml::traits_of(most->first).name);
    for (gguf::Key& key : contents.keys) {
        if (key.name == "general.file_type" && mixture != nullptr) key.value = mixture->file_type;
    }
}

}  // namespace octet::writers
