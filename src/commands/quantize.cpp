// quantize(): decide what becomes of every tensor, lay the set out, do the work, and make it visible.
#include <chrono>

#include "base/set_names.hpp"
#include "checkpoint/checkpoint.hpp"
#include "checkpoint/companions.hpp"
#include "checkpoint/declared_method.hpp"
#include "commands/choose_schemes.hpp"
#include "commands/equal_ties.hpp"
#include "commands/examine_values.hpp"
#include "commands/gates.hpp"
#include "commands/hint.hpp"
#include "commands/output.hpp"
#include "commands/output_name.hpp"
#include "commands/set_folder.hpp"
#include "commands/write_set.hpp"
#include "io/free_space.hpp"
#include "io/output.hpp"
#include "io/sha256.hpp"
#include "io/tuning/large_buffer.hpp"
#include "octet/octet.hpp"
#include "plan/output_plan.hpp"

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

/// The planner's choice; `writing` then reports its progress behind that of measuring.
void choose(const checkpoint::Checkpoint& checkpoint, const commands::CodeInputs& inputs, const std::vector<bool>& keep,
            plan::Decisions& decisions, WriteOptions& writing) {
    std::uint64_t source_bytes = 0;
    for (const checkpoint::Tensor& tensor : checkpoint.tensors) source_bytes += tensor.byte_count;
    const std::uint64_t measured_bytes = commands::bytes_to_measure(checkpoint, decisions, inputs.options);
    const Progress progress = writing.progress;
    const auto part_from = [&](std::uint64_t before) -> Progress {
        if (!progress) return {};
        return [=, total = measured_bytes + source_bytes](std::uint64_t done, std::uint64_t) {
            progress(before + done, total);
        };
    };
    writing.progress = part_from(0);
    const plan::Plan choice =
        commands::make_choice(checkpoint, decisions, inputs.options, inputs.importance.get(), writing).plan;
    decisions = {};  // not both at a time
    decisions = plan::decide(checkpoint, inputs.options, keep, choice.chosen);
    writing.progress = part_from(measured_bytes);
    if (decisions.tensors.size() >= kManyTensors) io::give_back_freed_memory();
}

}  // namespace

Report quantize(const fs::path& input, const fs::path& out_dir, const QuantizeOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    commands::check_limits(options.gates);
    commands::check_set_name(out_dir);
    if (options.write.sha256) io::need_sha256();
    const io::Links links = io::links_of(options.write.follow_links);
    const checkpoint::Checkpoint checkpoint = checkpoint::open_checkpoint(input, links);
    checkpoint::Companions companions = checkpoint::find_companions(checkpoint, options.companions, links);
    const commands::CodeInputs inputs = commands::code_inputs(options);
    plan::Decisions decisions = plan::decide(checkpoint, inputs.options, {});
    const fs::path target = io::resolved_target(out_dir);
    commands::Notes notes(options.write);
    commands::check_is_no_file(target, out_dir);
    io::Output output(target, io::Output::Kind::kFolder, std::string(kSidecarName), options.write.sync, notes.lines);
    const std::vector<std::string> replaceable =
        commands::replaceable_files(output, target, out_dir, options.write.force);
    commands::refuse_inputs(target, out_dir, replaceable, identities_of(checkpoint));
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
    io::check_free_space(output.place(), target,
                         commands::bytes_needed(plan.files, checkpoint::total_bytes(companions), tensors.size()));
    output.build(commands::names_of_set(checkpoint, companions, plan));
    const std::vector<io::File> files = commands::create_files(plan, output);
    if (tensors.size() >= kManyTensors) io::give_back_freed_memory();  // planning took as much again as what it left
    commands::SetData data{checkpoint, companions, plan, files, std::move(tensors)};
    commands::quantize_tensors(data, inputs.importance.get(), writing);
    commands::sync_files(files, options.write);

    Report report = commands::finish_set(std::move(data), inputs.options, output, options.write);
    report.input = input.native();
    report.output = out_dir.native();
    report.checks = commands::check_gates(options.gates, report);
    report.hint = commands::hint_of(checkpoint, report, options, inputs.importance.get());
    report.written = options.keep_on_failure || all_passed(report.checks);
    commands::check_stop(options.write);
    if (report.written) output.publish_folder(replaceable);
    report.left_out = std::move(companions.left_out);
    if (report.written) notes.lines.insert(notes.lines.end(), checkpoint.notes.begin(), checkpoint.notes.end());
    if (std::string line = checkpoint::left_out_line(report.left_out); !line.empty() && report.written)
        notes.lines.push_back(std::move(line));
    if (report.written)  // a failure is one line
        checkpoint::note_came_quantized(report.tensors, checkpoint::config_of(checkpoint, links), notes.lines);
    report.notes = notes.lines;
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace octet
