// dequantize(): lay the checkpoint out as the source was, restore or copy every tensor, and make it
// visible.
#include <chrono>

#include <fmt/format.h>

#include "base/text.hpp"
#include "checkpoint/declared_method.hpp"
#include "checkpoint/kind.hpp"
#include "codecs/restore_set.hpp"
#include "commands/dequantize_gguf.hpp"
#include "commands/dequantize_quantized.hpp"
#include "commands/destination.hpp"
#include "commands/output.hpp"
#include "commands/restored_companions.hpp"
#include "formats/octet_set/quantized_set.hpp"
#include "formats/octet_set/totals.hpp"
#include "formats/restored_layout.hpp"
#include "io/free_space.hpp"
#include "io/output.hpp"
#include "io/sha256.hpp"
#include "octet/octet.hpp"
#include "pipeline/stop.hpp"
#include "quant/storage_layout.hpp"
#include "writers/output_name.hpp"

namespace octet {
namespace {

namespace fs = std::filesystem;

/// Everything that will stand in the output folder, data first, index and companions behind.
std::vector<std::string> output_names(const formats::OutputPlan& plan,
                                      const octet_set::Sidecar& sidecar, bool single) {
    std::vector<std::string> names;
    for (const formats::FilePlan& file : plan.files) names.push_back(file.name);
    if (single) return names;
    for (const FileReport& companion : sidecar.companions) names.push_back(companion.name);
    if (sidecar.source_index) names.push_back(sidecar.source_index->name);
    return names;
}

std::vector<io::FileIdentity> identities_of(const octet_set::QuantizedSet& set) {
    std::vector<io::FileIdentity> identities;
    for (const std::string& name : octet_set::file_names_of(set.sidecar)) {
        io::FileIdentity identity;
        if (set.folder.find_identity(name, identity)) identities.push_back(identity);
    }
    return identities;
}

/// Neither a set nor what is left of one: plain safetensors, which may have come quantized.
bool is_checkpoint(const fs::path& path) {
    if (io::kind_at(path) == io::EntryKind::kFolder && io::is_half_replaced(path)) return false;
    try {
        return !octet_set::is_set(path);
    } catch (const Error& error) {
        if (error.code() == ErrorCode::kBadInput) return false;
        throw;
    }
}

void check_dtype(std::optional<Dtype> dtype) {
    const bool known =
        !dtype || *dtype == Dtype::kF32 || *dtype == Dtype::kF16 || *dtype == Dtype::kBF16;
    if (!known)
        throw Error(ErrorCode::kUsage, "--dtype",
                    fmt::format("{} is not F32, F16 or BF16", dtype_name(*dtype)));
}

}  // namespace

Report dequantize(const fs::path& path, const fs::path& output, const DequantizeOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    check_dtype(options.dtype);
    writers::check_restored_name(output);
    if (options.write.sha256) io::need_sha256();
    if (checkpoint::is_gguf(path)) {
        Report report = commands::dequantize_gguf(path, output, options);
        report.seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        return report;
    }
    if (options.like.empty() && is_checkpoint(path)) {
        std::optional<Report> report = commands::dequantize_quantized(path, output, options);
        if (report) return std::move(*report);
    }
    if (!options.like.empty())
        throw Error(ErrorCode::kUsage, "--like",
                    "is of GGUF files; a set brings the companions of its model along");
    const bool names_a_file = output.native().ends_with(".safetensors");
    const io::Links links = io::links_of(options.write.follow_links);
    commands::OpenedSet opened =
        commands::open_with_companions(octet_set::find_set_folder(path), links, !names_a_file);
    octet_set::QuantizedSet& set = opened.set;
    Report report;
    commands::Notes notes(options.write);
    commands::Destination destination(output, options, notes.lines);
    const bool single = destination.is_single_file();
    if (!single && names_a_file)  // it was a link
        opened = commands::open_with_companions(fs::path(set.folder.path()), links, true);
    const checkpoint::Family family = checkpoint::assign_kinds(set.sidecar.tensors);
    formats::OutputPlan plan = formats::plan_restored(
        set, options.dtype, single ? std::optional(destination.single_name()) : std::nullopt);
    const std::vector<std::string> names = output_names(plan, set.sidecar, single);
    commands::refuse_inputs(destination.folder(), output, names, identities_of(set));

    io::Output& output_files = destination.output();
    output_files.begin();
    io::check_free_space(
        output_files.place(), destination.target(),
        formats::bytes_needed(plan.files,
                              single ? 0 : octet_set::total_bytes(set.sidecar.companions),
                              set.sidecar.source_index ? set.stored.size() : 0));
    output_files.build(names);
    const std::vector<io::File> files = commands::create_files(plan, output_files);
    std::vector<kernels::Narrowing> narrowings(set.stored.size());
    const codecs::TakeResult take = [&](std::size_t i, codecs::TensorResult&& result) {
        narrowings[i] = result.narrowing;
    };
    codecs::restore_tasks(set, plan, files, options.dtype, take).run(options.write);
    commands::sync_files(files, options.write);
    for (const formats::FilePlan& file : plan.files)
        report.output_files.push_back({file.name, file.byte_count});
    report.totals = octet_set::totals_of(set.sidecar.tensors, set.sidecar.source_sum_of_squares);
    report.totals.source_bytes = octet_set::total_bytes(set.sidecar.files);
    report.totals.output_bytes = octet_set::total_bytes(report.output_files);
    if (!single)
        commands::write_companions(opened, plan, output_files, options, report, notes.lines);
    for (const FileReport& companion : set.sidecar.companions) {
        if (single) report.left_out.push_back({companion.name, "a single file takes none along"});
    }
    if (options.write.sha256) {
        for (FileReport& file : report.output_files)
            file.sha256 = io::sha256_of(output_files.open(file.name), options.write.stop_requested);
    }
    pipeline::check_stop(options.write);
    destination.publish(names);

    codecs::note_narrowing(narrowings, options.dtype, set.sidecar.tensors, report.totals);
    std::vector<std::uint64_t> stored_bytes;  // codes and state, as every command counts them
    for (std::size_t i = 0; i < set.stored.size(); ++i) {
        stored_bytes.push_back(set.sidecar.tensors[i].output_bytes);
        set.sidecar.tensors[i].source_bytes = set.sidecar.tensors[i].output_bytes =
            plan.placements[i].byte_count;
    }
    report.totals.framework_bytes =
        checkpoint::framework_bytes(family, set.sidecar.tensors, checkpoint::Counted::kSource);
    for (std::size_t i = 0; i < set.stored.size(); ++i)
        set.sidecar.tensors[i].source_bytes = stored_bytes[i];
    if (options.dtype)
        checkpoint::note_came_quantized(set.sidecar.tensors, set.folder.path() / "config.json",
                                        notes.lines);
    report.notes = notes.lines;
    report.input = path.native();
    report.output = output.native();
    report.input_files = set.sidecar.files;
    report.tensors = std::move(set.sidecar.tensors);
    report.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace octet
