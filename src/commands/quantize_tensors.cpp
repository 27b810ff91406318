// The data of a set: a task for each tensor, and what they find out.
#include <mutex>
#include <optional>

#include "base/json_text.hpp"
#include "codecs/copy.hpp"
#include "codecs/quantize.hpp"
#include "codecs/run.hpp"
#include "commands/jobs.hpp"
#include "commands/write_set.hpp"
#include "formats/octet_set/octet_format.hpp"
#include "pipeline/piece_checksums.hpp"
#include "quant/storage_layout.hpp"

namespace octet::commands {
namespace {

codecs::TaskList quantize_tasks(const checkpoint::Checkpoint& checkpoint, const std::vector<TensorReport>& tensors,
                                const plan::OutputPlan& plan, const std::vector<io::File>& files,
                                const plan::Importance* importance, const formats::Format& format,
                                const codecs::TakeResult& take) {
    codecs::TaskList tasks;
    tasks.reserve(tensors.size());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        if (!tensors[i].same_as.empty()) continue;
        const plan::Placement& place = plan.placements[i];
        const pipeline::Stretch target{&files[place.file], place.offset, place.byte_count};
        if (!tensors[i].scheme) {
            tasks.add<codecs::CopyTask>(source_of(checkpoint, i), target, i, take);
        } else {
            tasks.add<codecs::QuantizeTask>(quantize_job(checkpoint, i, *tensors[i].scheme, importance),
                                            source_of(checkpoint, i), target, format, i, take);
        }
    }
    return tasks;
}

/// Takes what tasks find out over into the reports, from any worker. A hundred thousand results would take more room than what they come to.
class ResultCollector {
  public:
    ResultCollector(const checkpoint::Checkpoint& checkpoint, const plan::OutputPlan& plan,
                    const std::vector<io::File>& files, std::vector<TensorReport>& tensors)
        : checkpoint_(checkpoint), plan_(plan), files_(files), tensors_(tensors), signals_(tensors.size()) {}

    void take(std::size_t number, codecs::TensorResult&& result) {
        TensorReport& tensor = tensors_[number];
        const plan::Placement& place = plan_.placements[number];
        take_checksum(source_of(checkpoint_, number), std::move(result.source_pieces), tensor.source_checksum);
        take_checksum({&files_[place.file], place.offset, place.byte_count}, std::move(result.stored_pieces),
                      tensor.stored_checksum);
        if (!tensor.scheme) return;
        const std::uint64_t elements = element_count(tensor.shape).value_or(0);
        tensor.statistics = quant::tensor_statistics(result.sums, elements, result.bound);
        signals_[number] = result.sums.signal;
        if (quant::has_state_tensors(*tensor.scheme)) return;
        tensor.scale = result.state.scale;
        if (!tensor.scheme->symmetric) tensor.zero_point = result.state.zero_point;
    }

    /// Hashes what nobody hashed on the way, and gives tied tensors what the others have. Returns the sum of squares of the quantized values.
    double finish(const WriteOptions& options) {
        WriteOptions quiet = options;  // the progress of a run is that of its source
        quiet.progress = {};
        const std::vector<Checksum> checksums = pipeline::piece_checksums(unknown_, quiet);
        for (std::size_t i = 0; i < checksums.size(); ++i) *places_[i] = checksums[i];
        octet_set::resolve_ties(tensors_);
        quant::WideSum sum_of_squares;
        for (const quant::WideSum& signal : signals_) sum_of_squares += signal;
        return six_digits(sum_of_squares.as_double());
    }

  private:
    void take_checksum(const pipeline::Stretch& stretch, pipeline::PieceChecksums&& pieces,
                       std::optional<Checksum>& checksum) {
        checksum = pipeline::checksum_of(pieces);
        if (checksum) return;
        const std::lock_guard lock(mutex_);
        unknown_.push_back({stretch, std::move(pieces)});
        places_.push_back(&checksum);
    }

    const checkpoint::Checkpoint& checkpoint_;
    const plan::OutputPlan& plan_;
    const std::vector<io::File>& files_;
    std::vector<TensorReport>& tensors_;
    std::vector<quant::WideSum> signals_;  // in their order, as sums are formed in one
    std::mutex mutex_;
    std::vector<pipeline::Region> unknown_;
    std::vector<std::optional<Checksum>*> places_;
};

}  // namespace

void quantize_tensors(SetData& data, const plan::Importance* importance, const WriteOptions& options) {
    const octet_set::OctetFormat format;
    ResultCollector collector(data.checkpoint, data.plan, data.files, data.tensors);
    const codecs::TakeResult take = [&](std::size_t i, codecs::TensorResult&& result) {
        collector.take(i, std::move(result));
    };
    codecs::TaskList tasks =
        quantize_tasks(data.checkpoint, data.tensors, data.plan, data.files, importance, format, take);
    data.hashers = tasks.run(options);
    data.sum_of_squares = collector.finish(options);
}

}  // namespace octet::commands
