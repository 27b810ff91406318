// The set's tensors and those of the source are paired by name; every pair becomes a task that
// quantizes again, or compares copies, and ends with a verdict (codecs/verify). Sources that were
// not hashed as a whole on the way are hashed afterwards.
#include "commands/verify_against_source.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>

#include <fmt/format.h>

#include "base/text.hpp"
#include "codecs/run.hpp"
#include "codecs/verify.hpp"
#include "formats/octet_set/octet_format.hpp"
#include "pipeline/piece_checksums.hpp"
#include "survey/jobs.hpp"

namespace octet::commands {
namespace {

/// A tensor of the set and its namesake in the source.
struct Pair {
    std::uint32_t stored;
    std::uint32_t source;
};

class SourceCheck {
  public:
    SourceCheck(const octet_set::QuantizedSet& set, const checkpoint::Checkpoint& source,
                const plan::Importance* importance, const WriteOptions& options)
        : set_(set), source_(source), importance_(importance), options_(options) {}

    std::vector<Finding> run() {
        pair_up();
        const octet_set::OctetFormat format;
        const codecs::TakeVerdict take = [this](std::size_t i, codecs::Verdict&& verdict) {
            judge(i, std::move(verdict));
        };
        codecs::TaskList tasks;
        tasks.reserve(pairs_.size());
        for (std::size_t i = 0; i < pairs_.size(); ++i) add_task(i, format, take, tasks);
        tasks.run(options_);
        judge_unknown();
        for (auto& [number, what] : faults_) add(pairs_[number].stored, std::move(what));
        return std::move(findings_);
    }

  private:
    const TensorReport& tensor_of(const Pair& pair) const {
        return set_.sidecar.tensors[pair.stored];
    }

    void add(std::size_t stored, std::string what) {
        const std::string& file = set_.sidecar.files[set_.stored[stored].file].name;
        findings_.push_back({file, set_.sidecar.tensors[stored].name, std::move(what)});
    }

    /// Tensors by name; what has no partner, or one of another dtype or shape, is a finding.
    void pair_up() {
        std::vector<std::uint32_t> by_name(source_.tensors.size());
        for (std::uint32_t i = 0; i < by_name.size(); ++i) by_name[i] = i;
        const auto name_of = [&](std::uint32_t i) -> const std::string& {
            return source_.tensors[i].name;
        };
        std::sort(by_name.begin(), by_name.end(),
                  [&](auto a, auto b) { return name_of(a) < name_of(b); });
        std::vector<bool> paired(by_name.size());
        for (std::uint32_t i = 0; i < set_.stored.size(); ++i) {
            const TensorReport& tensor = set_.sidecar.tensors[i];
            const auto found = std::lower_bound(
                by_name.begin(), by_name.end(), tensor.name,
                [&](auto a, const std::string& name) { return name_of(a) < name; });
            if (found == by_name.end() || name_of(*found) != tensor.name) {
                add(i, "is not in the source");
                continue;
            }
            paired[*found] = true;
            const checkpoint::Tensor& other = source_.tensors[*found];
            if (other.dtype == tensor.dtype && other.shape == tensor.shape) {
                pairs_.push_back({i, *found});
            } else {
                add(i, fmt::format("was made from {} {}, the source has {} {}",
                                   dtype_name(tensor.dtype), shape_text(tensor.shape),
                                   dtype_name(other.dtype), shape_text(other.shape)));
            }
        }
        for (const std::uint32_t i : by_name) {
            if (paired[i]) continue;
            const checkpoint::Tensor& tensor = source_.tensors[i];
            findings_.push_back({source_.shards[tensor.shard].base_name, tensor.name,
                                 "is in the source, not in the set"});
        }
    }

    void add_task(std::size_t number, const formats::Format& format,
                  const codecs::TakeVerdict& take, codecs::TaskList& tasks) const {
        const Pair& pair = pairs_[number];
        const TensorReport& tensor = tensor_of(pair);
        const octet_set::StoredTensor& place = set_.stored[pair.stored];
        const pipeline::Stretch stored{&set_.data_files[place.file].file, place.offset,
                                       place.byte_count};
        if (!tensor.scheme) {
            tasks.add<codecs::VerifyCopyTask>(survey::source_of(source_, pair.source), stored,
                                              number, take);
        } else {
            tasks.add<codecs::VerifyTask>(
                survey::quantize_job(source_, pair.source, *tensor.scheme, importance_),
                survey::source_of(source_, pair.source), stored, format, number, take);
        }
    }

    /// From any worker: a hundred thousand verdicts would take more room than what they come to.
    void judge(std::size_t number, codecs::Verdict&& verdict) {
        const Pair& pair = pairs_[number];
        const auto checksum = pipeline::checksum_of(verdict.made.source_pieces);
        auto fault = codecs::fault_of(tensor_of(pair), set_.stored[pair.stored].offset, verdict);
        if (!fault && checksum) fault = codecs::fault_of_source(tensor_of(pair), *checksum);
        const std::lock_guard lock(mutex_);
        if (fault) {
            faults_.emplace(number, std::move(*fault));
        } else if (!checksum) {
            unknown_.push_back(
                {survey::source_of(source_, pair.source), std::move(verdict.made.source_pieces)});
            unknown_numbers_.push_back(number);
        }
    }

    /// Sources that were not hashed on the way.
    void judge_unknown() {
        WriteOptions quiet = options_;  // its bytes are counted where it is quantized
        quiet.progress = {};
        const std::vector<Checksum> read = pipeline::piece_checksums(unknown_, quiet);
        for (std::size_t k = 0; k < read.size(); ++k) {
            if (auto fault =
                    codecs::fault_of_source(tensor_of(pairs_[unknown_numbers_[k]]), read[k]))
                faults_.emplace(unknown_numbers_[k], std::move(*fault));
        }
    }

    const octet_set::QuantizedSet& set_;
    const checkpoint::Checkpoint& source_;
    const plan::Importance* importance_;
    const WriteOptions& options_;
    std::vector<Pair> pairs_;
    std::vector<Finding> findings_;
    std::mutex mutex_;                           ///< of what follows
    std::map<std::size_t, std::string> faults_;  ///< of pairs
    std::vector<pipeline::Region> unknown_;      ///< sources to be hashed
    std::vector<std::size_t> unknown_numbers_;   ///< parallel to it: their pairs
};

}  // namespace

std::vector<Finding> verify_against_source(const octet_set::QuantizedSet& set,
                                           const VerifyOptions& options,
                                           const WriteOptions& reading) {
    const auto importance =
        plan::open_importance(set.sidecar.options.importance, options.importance);
    const io::Links links = io::links_of(options.follow_links);
    return SourceCheck(set, checkpoint::open_checkpoint(*options.source, links), importance.get(),
                       reading)
        .run();
}

}  // namespace octet::commands
