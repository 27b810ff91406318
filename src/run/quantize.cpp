#include <algorithm>
#include <chrono>
#include <deque>

#include <fmt/format.h>

#include "base/json_text.hpp"
#include "base/set_names.hpp"
#include "base/text.hpp"
#include "checkpoint/checkpoint.hpp"
#include "checkpoint/declared_method.hpp"
#include "checkpoint/index.hpp"
#include "checkpoint/kind.hpp"
#include "io/free_space.hpp"
#include "io/large_buffer.hpp"
#include "io/output.hpp"
#include "io/sha256.hpp"
#include "octet/octet.hpp"
#include "plan/output_plan.hpp"
#include "quant/stored_form.hpp"
#include "run/engine.hpp"
#include "run/gates.hpp"
#include "run/hint.hpp"
#include "run/output.hpp"
#include "run/planning.hpp"
#include "run/preparation.hpp"
#include "run/regions.hpp"
#include "state/quantized_set.hpp"
#include "state/totals.hpp"

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
        return state::file_names_of(state::read_sidecar(target));
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

std::vector<run::TensorJob> quantize_jobs(const checkpoint::Checkpoint& checkpoint,
                                          const std::vector<TensorReport>& tensors, const plan::OutputPlan& plan,
                                          const std::vector<io::File>& files, const run::Importance* importance,
                                          std::deque<run::BlockJob>& blocks) {
    std::vector<run::TensorJob> jobs(tensors.size());
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const checkpoint::Tensor& source = checkpoint.tensors[i];
        const plan::Placement& place = plan.placements[i];
        run::TensorJob& job = jobs[i];
        job.source = &checkpoint.shards[source.shard].file;
        job.source_offset = source.offset;
        job.target = &files[place.file];
        job.target_offset = place.offset;
        job.name = source.name;
        job.shape = &source.shape;
        if (!tensors[i].same_as.empty()) continue;
        job.elements = source.byte_count;  // of a copy: bytes
        if (!tensors[i].scheme) continue;
        job.codec = run::Codec::kQuantize;
        job.source_dtype = source.dtype;
        job.rounding = tensors[i].scheme->rounding;
        job.elements = source.byte_count * 8 / dtype_bits(source.dtype);
        if (!quant::uses_blocks(*tensors[i].scheme)) continue;
        job.codec = run::Codec::kQuantizeBlocks;
        blocks.push_back({*tensors[i].scheme, job.elements, {}, 0});
        if (importance != nullptr) blocks.back().make_extra().weights = importance->weights_of(tensors[i]);
        blocks.back().stored_bytes = place.byte_count;
        job.block = &blocks.back();
    }
    return jobs;
}

/// The state of a whole tensor, which the sidecar holds.
void take_state(const run::TensorJob& job, TensorReport& tensor) {
    if (quant::has_state_tensors(*tensor.scheme)) return;
    const bool blocks = job.block != nullptr;
    tensor.scale = blocks ? job.block->state.scale : job.state.scale;
    if (tensor.scheme->symmetric) return;
    tensor.zero_point = blocks ? job.block->state.zero_point : job.state.zero_point;
}

/// Checksums of tensors done in blocks, of their source and of codes and state tensors: from what was hashed on the way, and for the rest as it
/// was written.
void hash_blocks(std::vector<run::TensorJob>& jobs, const plan::OutputPlan& plan, const WriteOptions& options) {
    std::vector<run::Region> regions;
    std::vector<Checksum*> places;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        run::TensorJob& job = jobs[i];
        if (job.block == nullptr || !job.block->extras) continue;
        run::BlockExtras& extras = *job.block->extras;
        if (!extras.source_pieces.empty()) {
            regions.push_back({job.source, job.source_offset, job.source_bytes(), std::move(extras.source_pieces)});
            places.push_back(&job.source_checksum);
        }
        if (!extras.stored_pieces.empty()) {
            regions.push_back({job.target, plan.placements[i].offset, plan.placements[i].byte_count,
                               std::move(extras.stored_pieces)});
            places.push_back(&job.stored_checksum);
        }
    }
    WriteOptions quiet = options;
    quiet.progress = {};
    const std::vector<Checksum> checksums = run::piece_checksums(regions, quiet);
    for (std::size_t i = 0; i < places.size(); ++i) *places[i] = checksums[i];
}

/// Takes over what the run found out; returns the sum of squares of the quantized values.
double take_results(const std::vector<run::TensorJob>& jobs, std::vector<TensorReport>& tensors) {
    double sum_of_squares = 0;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const run::TensorJob& job = jobs[i];
        if (!tensors[i].same_as.empty()) continue;
        tensors[i].source_checksum = job.source_checksum;
        tensors[i].stored_checksum = job.stored_checksum;
        if (!tensors[i].scheme) continue;
        const double bound = job.block != nullptr
                                 ? job.block->bound
                                 : quant::error_bound(job.state, job.range, job.rounding, job.source_dtype);
        tensors[i].statistics = quant::tensor_statistics(job.sums, job.elements, bound);
        take_state(job, tensors[i]);
        sum_of_squares += job.sums.signal;
    }
    state::resolve_ties(tensors);
    return six_digits(sum_of_squares);
}

std::string set_index_text(const checkpoint::Checkpoint& checkpoint, const std::vector<TensorReport>& tensors,
                           const plan::OutputPlan& plan) {
    const auto weights =
        state::stored_names(tensors, [&](std::size_t i) { return plan.files[plan.placements[i].file].name; });
    std::uint64_t bytes = 0;
    for (const plan::Placement& place : plan.placements) bytes += place.byte_count;
    return checkpoint::index_text_of(checkpoint::with_total_size(checkpoint.index->metadata, bytes), weights);
}

state::Sidecar sidecar_of(const checkpoint::Checkpoint& checkpoint, const plan::OutputPlan& plan,
                          const state::CodeOptions& options, std::vector<TensorReport> tensors, double sum_of_squares) {
    state::Sidecar sidecar;
    sidecar.generator = "octet " + std::string(version());
    for (const checkpoint::Shard& shard : checkpoint.shards)
        sidecar.source_files.push_back({shard.base_name, shard.file.size()});
    if (checkpoint.index) sidecar.source_index = state::SourceIndex{checkpoint.index->name, checkpoint.index->metadata};
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
        written.push_back(run::whole_file_checksum(copy));
    }
    return written;
}

/// Checksums of the data files: of the pieces that were hashed while they were written, and of those that were not.
void hash_files(std::vector<FileReport>& reports, const std::vector<io::File>& files,
                std::vector<run::FileHasher>& hashers, const WriteOptions& options) {
    std::vector<run::Region> regions;
    for (const io::File& file : files) {
        regions.push_back({&file, 0, file.size(), {}});
        const auto hasher = std::find_if(hashers.begin(), hashers.end(),
                                         [&](const run::FileHasher& one) { return &one.file() == &file; });
        if (hasher != hashers.end()) regions.back().known = hasher->take_pieces();
    }
    WriteOptions quiet = options;  // the progress of a run is that of its source
    quiet.progress = {};
    const std::vector<Checksum> checksums = run::piece_checksums(regions, quiet);
    for (std::size_t i = 0; i < reports.size(); ++i) reports[i].checksum = checksums[i];
}

/// Returns its length.
std::uint64_t write_sidecar_file(const state::Sidecar& sidecar, io::Output& output, bool sync) {
    const io::File file = output.create(std::string(kSidecarName), 0);
    std::uint64_t at = 0;
    state::write_sidecar(sidecar, [&](std::string_view part) {
        file.write_at(io::bytes_of(part), at);
        at += part.size();
    });
    if (sync) file.sync();
    return at;
}

Report report_of(state::Sidecar sidecar, const fs::path& input, const fs::path& out_dir, std::uint64_t sidecar_bytes,
                 std::uint64_t index_bytes) {
    Report report;
    report.input = input.native();
    report.output = out_dir.native();
    report.totals = state::totals_of(sidecar.tensors, sidecar.source_sum_of_squares);
    report.totals.source_bytes = state::total_bytes(sidecar.source_files);
    report.totals.output_bytes = state::total_bytes(sidecar.files);
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
void choose(const checkpoint::Checkpoint& checkpoint, const run::CodeInputs& inputs, const std::vector<bool>& keep,
            plan::Decisions& decisions, WriteOptions& writing) {
    std::uint64_t source_bytes = 0;
    for (const checkpoint::Tensor& tensor : checkpoint.tensors) source_bytes += tensor.byte_count;
    const std::uint64_t measured_bytes = run::bytes_to_measure(checkpoint, decisions);
    const Progress progress = writing.progress;
    const auto part_from = [&](std::uint64_t before) -> Progress {
        if (!progress) return {};
        return [=, total = measured_bytes + source_bytes](std::uint64_t done, std::uint64_t) {
            progress(before + done, total);
        };
    };
    writing.progress = part_from(0);
    const plan::Plan choice =
        run::make_choice(checkpoint, decisions, inputs.options, inputs.importance.get(), writing).plan;
    decisions = {};  // not both at a time
    decisions = plan::decide(checkpoint, inputs.options, keep, choice.chosen);
    writing.progress = part_from(measured_bytes);
    if (decisions.tensors.size() >= kManyTensors) io::give_back_freed_memory();
}

}  // namespace

Report quantize(const fs::path& input, const fs::path& out_dir, const QuantizeOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    run::check_limits(options.gates);
    if (options.write.sha256) io::need_sha256();
    const checkpoint::Checkpoint checkpoint = checkpoint::open_checkpoint(input);
    const run::CodeInputs inputs = run::code_inputs(options);
    plan::Decisions decisions = plan::decide(checkpoint, inputs.options, {});
    const fs::path target = io::resolved_target(out_dir);
    run::Notes notes(options.write);
    check_is_no_file(target, out_dir);
    io::Output output(target, io::Output::Kind::kFolder, std::string(kSidecarName), options.write.sync, notes.lines);
    const std::vector<std::string> replaceable =
        replaceable_files(output.standing(), target, out_dir, options.write.force);
    run::refuse_inputs(target, out_dir, output.standing().names, identities_of(checkpoint));
    output.begin();
    std::vector<bool> keep;
    if (options.on_non_finite == OnNonFinite::kKeep) {
        WriteOptions quiet = options.write;
        quiet.progress = {};
        keep = run::find_not_finite(checkpoint, decisions.tensors, quiet);
        decisions = plan::decide(checkpoint, inputs.options, keep);
    }
    if (inputs.importance) inputs.importance->check(decisions.tensors);
    WriteOptions writing = options.write;
    if (plan::asks_planner(inputs.options)) choose(checkpoint, inputs, keep, decisions, writing);
    std::vector<TensorReport> tensors = std::move(decisions.tensors);
    decisions = {};  // the reasons of a hundred thousand tensors take room, too
    run::tie_equal(checkpoint, tensors, options.write);

    plan::OutputPlan plan = plan::plan_set(checkpoint, tensors);
    io::check_free_space(output.building(), target,
                         run::bytes_needed(plan.files, run::companion_bytes(checkpoint), tensors.size()));
    const std::vector<io::File> files = run::create_files(plan, output);
    std::deque<run::BlockJob> blocks;
    std::vector<run::TensorJob> jobs = quantize_jobs(checkpoint, tensors, plan, files, inputs.importance.get(), blocks);
    if (tensors.size() >= kManyTensors) io::give_back_freed_memory();  // planning took as much again as what it left
    std::vector<run::FileHasher> hashers = run::run_jobs(jobs, writing);
    hash_blocks(jobs, plan, options.write);
    const double sum_of_squares = take_results(jobs, tensors);
    std::vector<run::TensorJob>().swap(jobs);  // a hundred thousand of them are as large as the sidecar
    run::sync_files(files, options.write);

    state::Sidecar sidecar = sidecar_of(checkpoint, plan, inputs.options, std::move(tensors), sum_of_squares);
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
    report.checks = run::check_gates(options.gates, report);
    report.hint = run::hint_of(checkpoint, report, options, inputs.importance.get());
    report.written = options.keep_on_failure || all_passed(report.checks);
    run::check_stop(options.write);
    if (report.written) output.publish_folder(replaceable);
    if (report.written)  // a failure is one line
        checkpoint::note_came_quantized(report.tensors, checkpoint::config_of(checkpoint), notes.lines);
    report.notes = notes.lines;
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace octet
