#include <algorithm>
#include <chrono>
#include <mutex>

#include <fmt/format.h>

#include "base/json_text.hpp"
#include "base/set_names.hpp"
#include "base/text.hpp"
#include "checkpoint/checkpoint.hpp"
#include "checkpoint/index.hpp"
#include "checkpoint/kind.hpp"
#include "codecs/copy.hpp"
#include "codecs/quantize.hpp"
#include "codecs/run.hpp"
#include "commands/choose_schemes.hpp"
#include "commands/examine_values.hpp"
#include "commands/gates.hpp"
#include "commands/jobs.hpp"
#include "commands/output.hpp"
#include "formats/octet_set/octet_format.hpp"
#include "formats/octet_set/quantized_set.hpp"
#include "formats/octet_set/totals.hpp"
#include "io/free_space.hpp"
#include "io/large_buffer.hpp"
#include "io/output.hpp"
#include "io/sha256.hpp"
#include "octet/octet.hpp"
#include "pipeline/piece_checksums.hpp"
#include "plan/output_plan.hpp"
#include "quant/storage_layout.hpp"

namespace octet {
namespace {

namespace fs = std::filesystem;

/// From so many on what one part of the work leaves behind is too much beside the next.
constexpr std::size_t kManyTensors = 10'000;

std::vector<io::FileIdentity> identities_of(const checkpoint::Checkpoint& checkpoint) {
    std::vector<io::FileIdentity> identities;
    for (const checkpoint::Shard& shard : checkpoint.shards) identities.push_back(shard.file.identity());
    return identities;
}

[[noreturn]] void refuse_out_dir(const fs::path& given, const std::string& what) {
    throw Error(ErrorCode::kUsage, printable(given.native()), what);
}

void check_is_no_file(const fs::path& target, const fs::path& given) {
    const io::EntryKind kind = io::kind_at(target);
    if (kind != io::EntryKind::kNothing && kind != io::EntryKind::kFolder)
        refuse_out_dir(given, "is a file; name a new or empty folder for the set");
}

/// The files of the set at `target`, by its sidecar. kUsage where that is broken.
std::vector<std::string> files_of_old_set(const fs::path& target, const fs::path& given) {
    try {
        return octet_set::file_names_of(octet_set::read_sidecar(target));
    } catch (const Error& error) {
        if (error.code() != ErrorCode::kBadInput) throw;
        // What of it is the set's, nobody can say.
        refuse_out_dir(given, "holds a set whose sidecar is broken (octet verify says how); move it away first");
    }
}

/// OUT_DIR is absent, empty, or with `force` a set with nothing else in it: returns the set's files. kUsage otherwise.
std::vector<std::string> replaceable_files(const io::Standing& standing, const fs::path& target, const fs::path& given,
                                           bool force) {
    const std::vector<std::string>& names = standing.names;
    if (names.empty()) return {};
    if (!std::binary_search(names.begin(), names.end(), kSidecarName))
        refuse_out_dir(given, fmt::format("is not empty ({}) and holds no set; name a new or empty folder",
                                          printable(names.front())));
    if (!force && standing.half_replaced)
        refuse_out_dir(given, "holds a set that an interrupted run left half replaced; --force replaces it");
    if (!force) refuse_out_dir(given, "holds a set already; --force replaces it");
    std::vector<std::string> own = standing.half_replaced ? *standing.half_replaced : files_of_old_set(target, given);
    for (const std::string& name : names) {
        if (std::find(own.begin(), own.end(), name) == own.end())
            refuse_out_dir(given, fmt::format("holds {}, which is not part of the set there; move it away first",
                                              in_quotes(name)));
    }
    return own;
}

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
            tasks.add<codecs::CopyTask>(commands::source_of(checkpoint, i), target, i, take);
        } else {
            tasks.add<codecs::QuantizeTask>(commands::quantize_job(checkpoint, i, *tensors[i].scheme, importance),
                                            commands::source_of(checkpoint, i), target, format, i, take);
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
        take_checksum(commands::source_of(checkpoint_, number), std::move(result.source_pieces),
                      tensor.source_checksum);
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

std::string set_index_text(const checkpoint::Checkpoint& checkpoint, const std::vector<TensorReport>& tensors,
                           const plan::OutputPlan& plan) {
    const auto weights =
        octet_set::stored_names(tensors, [&](std::size_t i) { return plan.files[plan.placements[i].file].name; });
    std::uint64_t bytes = 0;
    for (const plan::Placement& place : plan.placements) bytes += place.byte_count;
    return checkpoint::index_text_of(checkpoint::with_total_size(checkpoint.index->metadata, bytes), weights);
}

octet_set::Sidecar sidecar_of(const checkpoint::Checkpoint& checkpoint, const plan::OutputPlan& plan,
                              const octet_set::CodeOptions& options, std::vector<TensorReport> tensors,
                              double sum_of_squares) {
    octet_set::Sidecar sidecar;
    sidecar.generator = "octet " + std::string(version());
    for (const checkpoint::Shard& shard : checkpoint.shards)
        sidecar.source_files.push_back({shard.base_name, shard.file.size()});
    if (checkpoint.index)
        sidecar.source_index = octet_set::SourceIndex{checkpoint.index->name, checkpoint.index->metadata};
    const checkpoint::Family family = checkpoint::detect_family(tensors);
    sidecar.source_framework_bytes = checkpoint::framework_bytes(family, tensors, checkpoint::Counted::kSource);
    sidecar.source_sum_of_squares = sum_of_squares;
    for (const plan::FilePlan& file : plan.files) sidecar.files.push_back({file.name, file.byte_count});
    sidecar.options = options;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        if (!tensors[i].same_as.empty()) sidecar.tied_positions.push_back(checkpoint.tensors[i].header_position);
    }
    sidecar.tensors = std::move(tensors);
    return sidecar;
}

/// SHA-256 of each of the files where they were built.
void add_sha256(std::vector<FileReport>& reports, const io::Output& output, const WriteOptions& options) {
    if (!options.sha256) return;
    for (FileReport& report : reports) report.sha256 = io::sha256_of(output.open(report.name), options.stop_requested);
}

/// Copies the companions and hashes the copies.
std::vector<FileReport> write_companions(const checkpoint::Checkpoint& checkpoint, io::Output& output, bool sync) {
    std::vector<FileReport> written;
    for (const fs::path& companion : checkpoint.companions) {
        const io::File source = io::File::open_for_reading(companion);
        const io::File copy = output.create(companion.filename().native(), source.size());
        io::copy_bytes(source, copy, sync);
        written.push_back(pipeline::whole_file_checksum(copy));
    }
    return written;
}

/// Checksums of the data files: of the pieces that were hashed while they were written, and of those that were not.
void hash_files(std::vector<FileReport>& reports, const std::vector<io::File>& files,
                std::vector<pipeline::FileHasher>& hashers, const WriteOptions& options) {
    std::vector<pipeline::Region> regions;
    for (const io::File& file : files) {
        regions.push_back({{&file, 0, file.size()}, {}});
        const auto hasher = std::find_if(hashers.begin(), hashers.end(),
                                         [&](const pipeline::FileHasher& one) { return &one.file() == &file; });
        if (hasher != hashers.end()) regions.back().known = hasher->take_pieces();
    }
    WriteOptions quiet = options;  // the progress of a run is that of its source
    quiet.progress = {};
    const std::vector<Checksum> checksums = pipeline::piece_checksums(regions, quiet);
    for (std::size_t i = 0; i < reports.size(); ++i) reports[i].checksum = checksums[i];
}

/// Returns its length.
std::uint64_t write_sidecar_file(const octet_set::Sidecar& sidecar, io::Output& output, bool sync) {
    const io::File file = output.create(std::string(kSidecarName), 0);
    std::uint64_t at = 0;
    octet_set::write_sidecar(sidecar, [&](std::string_view part) {
        file.write_at(io::bytes_of(part), at);
        at += part.size();
    });
    if (sync) file.sync();
    return at;
}

Report report_of(octet_set::Sidecar sidecar, const fs::path& input, const fs::path& out_dir,
                 std::uint64_t sidecar_bytes, std::uint64_t index_bytes) {
    Report report;
    report.input = input.native();
    report.output = out_dir.native();
    report.totals = octet_set::totals_of(sidecar.tensors, sidecar.source_sum_of_squares);
    report.totals.source_bytes = octet_set::total_bytes(sidecar.source_files);
    report.totals.output_bytes = octet_set::total_bytes(sidecar.files);
    report.totals.source_framework_bytes = sidecar.source_framework_bytes;
    report.totals.framework_bytes = checkpoint::framework_bytes(
        checkpoint::detect_family(sidecar.tensors), sidecar.tensors, checkpoint::counted_as(sidecar.options.preset));
    report.output_files = sidecar.files;
    if (sidecar.source_index) report.output_files.push_back({std::string(kSetIndexName), index_bytes});
    report.output_files.push_back({std::string(kSidecarName), sidecar_bytes});
    report.output_files.insert(report.output_files.end(), sidecar.companions.begin(), sidecar.companions.end());
    report.input_files = std::move(sidecar.source_files);
    report.tensors = std::move(sidecar.tensors);
    return report;
}

/// The planner's choice; `writing` then reports its progress behind that of measuring.
void choose(const checkpoint::Checkpoint& checkpoint, const commands::CodeInputs& inputs, const std::vector<bool>& keep,
            plan::Decisions& decisions, WriteOptions& writing) {
    std::uint64_t source_bytes = 0;
    for (const checkpoint::Tensor& tensor : checkpoint.tensors) source_bytes += tensor.byte_count;
    const std::uint64_t measured_bytes = commands::bytes_to_measure(checkpoint, decisions);
    const Progress progress = writing.progress;
    const auto part_from = [&](std::uint64_t before) -> Progress {
        if (!progress) return {};
        return [=, total = measured_bytes + source_bytes](std::uint64_t done, std::uint64_t) {
            progress(before + done, total);
        };
    };
    writing.progress = part_from(0);
    plan::Plan choice;
    {
        const auto planner = commands::make_planner(checkpoint, decisions, inputs.importance.get(), writing);
        choice = commands::plan_for(*planner, inputs.options);
    }
    decisions = {};  // not both at a time
    decisions = plan::decide(checkpoint, inputs.options, keep, choice.chosen);
    writing.progress = part_from(measured_bytes);
    if (decisions.tensors.size() >= kManyTensors) io::give_back_freed_memory();
}

}  // namespace

Report quantize(const fs::path& input, const fs::path& out_dir, const QuantizeOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    commands::check_limits(options.gates);
    if (options.write.sha256) io::need_sha256();
    const checkpoint::Checkpoint checkpoint = checkpoint::open_checkpoint(input);
    const commands::CodeInputs inputs = commands::code_inputs(options);
    plan::Decisions decisions = plan::decide(checkpoint, inputs.options, {});
    const fs::path target = io::resolved_target(out_dir);
    commands::Notes notes(options.write);
    check_is_no_file(target, out_dir);
    io::Output output(target, io::Output::Kind::kFolder, std::string(kSidecarName), options.write.sync, notes.lines);
    const std::vector<std::string> replaceable =
        replaceable_files(output.standing(), target, out_dir, options.write.force);
    commands::refuse_inputs(target, out_dir, output.standing().names, identities_of(checkpoint));
    output.begin();
    std::vector<bool> keep;
    if (options.on_non_finite == OnNonFinite::kKeep) {
        WriteOptions quiet = options.write;
        quiet.progress = {};
        keep = commands::find_not_finite(checkpoint, decisions.tensors, inputs.importance.get(), quiet);
        decisions = plan::decide(checkpoint, inputs.options, keep);
    }
    if (inputs.importance) inputs.importance->check(decisions.tensors);
    WriteOptions writing = options.write;
    if (plan::asks_planner(inputs.options)) choose(checkpoint, inputs, keep, decisions, writing);
    std::vector<TensorReport> tensors = std::move(decisions.tensors);
    decisions = {};  // the reasons of a hundred thousand tensors take room, too
    commands::tie_equal(checkpoint, tensors, options.write);

    plan::OutputPlan plan = plan::plan_set(checkpoint, tensors);
    io::check_free_space(output.building(), target,
                         commands::bytes_needed(plan.files, commands::companion_bytes(checkpoint), tensors.size()));
    const std::vector<io::File> files = commands::create_files(plan, output);
    const octet_set::OctetFormat format;
    ResultCollector collector(checkpoint, plan, files, tensors);
    const codecs::TakeResult take = [&](std::size_t i, codecs::TensorResult&& result) {
        collector.take(i, std::move(result));
    };
    codecs::TaskList tasks = quantize_tasks(checkpoint, tensors, plan, files, inputs.importance.get(), format, take);
    if (tensors.size() >= kManyTensors) io::give_back_freed_memory();  // planning took as much again as what it left
    std::vector<pipeline::FileHasher> hashers = tasks.run(writing);
    const double sum_of_squares = collector.finish(options.write);
    commands::sync_files(files, options.write);

    octet_set::Sidecar sidecar = sidecar_of(checkpoint, plan, inputs.options, std::move(tensors), sum_of_squares);
    hash_files(sidecar.files, files, hashers, options.write);
    sidecar.companions = write_companions(checkpoint, output, options.write.sync);
    add_sha256(sidecar.files, output, options.write);
    add_sha256(sidecar.companions, output, options.write);
    const std::string index = checkpoint.index ? set_index_text(checkpoint, sidecar.tensors, plan) : "";
    if (checkpoint.index)
        io::write_text(output.create(std::string(kSetIndexName), index.size()), index, options.write.sync);
    const std::uint64_t sidecar_bytes = write_sidecar_file(sidecar, output, options.write.sync);
    Report report = report_of(std::move(sidecar), input, out_dir, sidecar_bytes, index.size());
    add_sha256(report.output_files, output, options.write);
    report.checks = commands::check_gates(options.gates, report);
    report.written = options.keep_on_failure || all_passed(report.checks);
    commands::check_stop(options.write);
    if (report.written) output.publish_folder(replaceable);
    report.notes = notes.lines;
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace octet
