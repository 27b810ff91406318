// quantize(): decide what becomes of every tensor, lay the output out, do the work, and make it
// visible. What a format does at each step is its writer's business (writers/writer.hpp).
#include <chrono>

#include "checkpoint/checkpoint.hpp"
#include "commands/gates.hpp"
#include "commands/output.hpp"
#include "commands/output_place.hpp"
#include "commands/requantize.hpp"
#include "io/sha256.hpp"
#include "io/tuning/large_buffer.hpp"
#include "octet/octet.hpp"
#include "pipeline/piece_checksums.hpp"
#include "pipeline/stop.hpp"
#include "writers/repackage.hpp"
#include "writers/writer.hpp"

namespace octet {
namespace {

/// Makes every tensor in its place, and then all that is not data.
Report write_output(writers::Writer& writer, const writers::Target& target, io::Output& output,
                    const WriteOptions& options) {
    const codecs::TakeResult take = [&](std::size_t number, codecs::TensorResult&& result) {
        writer.take_result(number, std::move(result));
    };
    codecs::TaskList tasks;
    writer.add_tasks(target, {0, target.plan.placements.size()}, take, tasks);
    writer.complete(target, pipeline::pieces_of(target.files, tasks.run(options)));
    commands::sync_files(target.files, options);
    return writer.finish(target, output);
}

}  // namespace

Report quantize(const std::filesystem::path& input, const std::filesystem::path& out,
                const QuantizeOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    commands::check_limits(options.gates);
    const writers::OutputFormat& format = writers::format_of(options);
    format.check(options, out);
    if (options.write.sha256) io::need_sha256();
    const io::Links links = io::links_of(options.write.follow_links);
    const commands::PlainInput plain(input, out, options);
    const std::optional<writers::SetToRepackage> set =
        writers::open_set_to_repackage(plain.path(), options, format, links);
    const checkpoint::Checkpoint opened =
        set ? checkpoint::Checkpoint() : checkpoint::open_checkpoint(plain.path(), links);
    const checkpoint::Checkpoint& checkpoint = set ? set->files : opened;
    const std::unique_ptr<writers::Writer> writer =
        format.make({checkpoint, options, links, out, set ? &set->sidecar : nullptr});

    commands::Notes notes(options.write);
    if (!plain.note().empty()) notes.lines.push_back(plain.note());
    writer->decide();
    commands::OutputPlace place(out, *writer, checkpoint, options.write, notes.lines);
    place.begin();
    const WriteOptions writing = writer->examine();
    formats::OutputPlan plan = writer->lay_out();
    place.build(plan);
    const std::vector<io::File> files = commands::create_files(plan, place.output());
    const bool is_large = plan.placements.size() >= writers::kManyTensors;
    if (is_large) io::give_back_freed_memory();  // planning took as much again as what it left
    Report report = write_output(*writer, {plan, files}, place.output(), writing);

    report.input = input.native();
    report.output = out.native();
    report.checks = commands::check_gates(options.gates, report);
    writer->add_checks(report);
    report.hint = writer->hint(report);
    report.written = options.keep_on_failure || all_passed(report.checks);
    pipeline::check_stop(options.write);
    if (report.written) place.publish();
    if (report.written) writer->add_notes(report, notes.lines);  // a failure is one line
    report.notes = notes.lines;
    report.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace octet
