// dequantize(): lay the checkpoint out as the source was, restore or copy every tensor, and make it visible.
#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "checkpoint/config_dtype.hpp"
#include "checkpoint/declared_method.hpp"
#include "checkpoint/index.hpp"
#include "checkpoint/kind.hpp"
#include "codecs/copy.hpp"
#include "codecs/restore.hpp"
#include "codecs/run.hpp"
#include "commands/dequantize_gguf.hpp"
#include "commands/destination.hpp"
#include "commands/output.hpp"
#include "commands/output_name.hpp"
#include "formats/octet_set/find_set.hpp"
#include "formats/octet_set/quantized_set.hpp"
#include "formats/octet_set/totals.hpp"
#include "io/free_space.hpp"
#include "io/output.hpp"
#include "io/sha256.hpp"
#include "octet/octet.hpp"
#include "plan/output_plan.hpp"
#include "quant/storage_layout.hpp"

namespace octet {
namespace {

namespace fs = std::filesystem;

/// Everything that will stand in the output folder, data first, index and companions behind.
std::vector<std::string> output_names(const plan::OutputPlan& plan, const octet_set::Sidecar& sidecar, bool single) {
    std::vector<std::string> names;
    for (const plan::FilePlan& file : plan.files) names.push_back(file.name);
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

codecs::TaskList restore_tasks(const octet_set::QuantizedSet& set, const plan::OutputPlan& plan,
                               const std::vector<io::File>& files, std::optional<Dtype> dtype,
                               const codecs::TakeResult& take) {
    codecs::TaskList tasks;
    tasks.reserve(set.stored.size());
    for (std::size_t i = 0; i < set.stored.size(); ++i) {
        const TensorReport& tensor = set.sidecar.tensors[i];
        const octet_set::StoredTensor& stored = set.stored[i];
        const plan::Placement& place = plan.placements[i];
        const pipeline::Stretch source{&set.data_files[stored.file].file, stored.offset, stored.byte_count};
        const pipeline::Stretch target{&files[place.file], place.offset, place.byte_count};
        const Dtype restored = plan::restored_dtype(tensor, dtype);
        if (tensor.scheme) {
            const quant::BlockState state{tensor.scale.value_or(0.0F), tensor.zero_point.value_or(0.0F)};
            tasks.add<codecs::RestoreTask>(
                codecs::RestoreJob{source, target, *tensor.scheme, state, restored, tensor.name, &tensor.shape}, i,
                take);
        } else if (restored != tensor.dtype) {
            tasks.add<codecs::ConvertTask>(codecs::ConvertJob{source, target, tensor.dtype, restored, tensor.name}, i,
                                           take);
        } else {
            tasks.add<codecs::CopyTask>(source, target, i, take, false);
        }
    }
    return tasks;
}

/// The error that restored values of a narrower dtype can have: the stored one and what narrowing added, measured.
void take_results(const std::vector<kernels::Narrowing>& narrowings, std::optional<Dtype> dtype,
                  std::vector<TensorReport>& tensors, Totals& totals) {
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const Dtype restored = plan::restored_dtype(tensors[i], dtype);
        const bool is_copied = !tensors[i].scheme && restored == tensors[i].dtype;
        tensors[i].dtype = restored;
        if (is_copied || (restored != Dtype::kF16 && restored != Dtype::kBF16)) continue;
        const double before = tensors[i].statistics ? tensors[i].statistics->max_abs_error : 0.0;
        tensors[i].narrowed_max_abs_error = six_digits(before + static_cast<double>(narrowings[i].max_abs_difference));
        totals.narrowed_max_abs_error =
            std::max(totals.narrowed_max_abs_error.value_or(0.0), *tensors[i].narrowed_max_abs_error);
    }
}

std::string restored_index_text(const octet_set::Sidecar& sidecar, const plan::OutputPlan& plan) {
    std::vector<std::pair<std::string, std::string>> weights;
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < plan.placements.size(); ++i) {
        weights.emplace_back(sidecar.tensors[i].name, plan.files[plan.placements[i].file].name);
        bytes += plan.placements[i].byte_count;
    }
    return checkpoint::index_text_of(checkpoint::with_total_size(sidecar.source_index->metadata, bytes), weights);
}

/// A set with its companions, all of them open before the work begins: it may be replaced, and its files removed, before that ends.
struct OpenedSet {
    octet_set::QuantizedSet set;
    std::vector<io::File> companions;
};

OpenedSet open_with_companions(const fs::path& folder, io::Links links, bool wants_companions) {
    return io::read_held(folder, [&](const io::HeldFolder& held) {
        OpenedSet opened{octet_set::open_set(held, octet_set::read_sidecar(held, links)), {}};
        if (!wants_companions) return opened;
        for (const FileReport& companion : opened.set.sidecar.companions)
            opened.companions.push_back(held.open(companion.name));
        return opened;
    });
}

/// The text of config.json that goes with weights in another dtype than the source's, if it has to change.
std::optional<std::string> changed_config(const io::File& config, std::optional<Dtype> dtype) {
    constexpr std::uint64_t kMostConfigBytes = 16U << 20U;
    if (!dtype || config.size() > kMostConfigBytes) return std::nullopt;
    const std::string text = io::read_text_file(config, kMostConfigBytes);
    std::string changed = checkpoint::with_dtype(text, *dtype);
    return changed == text ? std::nullopt : std::optional(std::move(changed));
}

void write_companions(const octet_set::QuantizedSet& set, const std::vector<io::File>& companions,
                      const plan::OutputPlan& plan, io::Output& output, const DequantizeOptions& options,
                      Report& report, std::vector<std::string>& notes) {
    const bool sync = options.write.sync;
    for (std::size_t i = 0; i < companions.size(); ++i) {
        const FileReport& companion = set.sidecar.companions[i];
        report.companions.push_back(companion.name);
        const auto config =
            companion.name == "config.json" ? changed_config(companions[i], options.dtype) : std::nullopt;
        if (config) {
            io::write_text(output.create(companion.name, config->size()), *config, sync);
            report.output_files.push_back({companion.name, config->size()});
            notes.push_back(
                fmt::format("config.json says {} now, the dtype of the restored weights", dtype_name(*options.dtype)));
            continue;
        }
        io::copy_bytes(companions[i], output.create(companion.name, companions[i].size()), sync);
        report.output_files.push_back(companion);
    }
    if (!set.sidecar.source_index) return;
    const std::string text = restored_index_text(set.sidecar, plan);
    io::write_text(output.create(set.sidecar.source_index->name, text.size()), text, sync);
    report.output_files.push_back({set.sidecar.source_index->name, text.size()});
}

void check_dtype(std::optional<Dtype> dtype) {
    const bool known = !dtype || *dtype == Dtype::kF32 || *dtype == Dtype::kF16 || *dtype == Dtype::kBF16;
    if (!known)
        throw Error(ErrorCode::kUsage, "--dtype", fmt::format("{} is not F32, F16 or BF16", dtype_name(*dtype)));
}

}  // namespace

Report dequantize(const fs::path& path, const fs::path& output, const DequantizeOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    check_dtype(options.dtype);
    commands::check_restored_name(output);
    if (options.write.sha256) io::need_sha256();
    if (checkpoint::locate(path).what == checkpoint::Location::What::kGguf) {
        Report report = commands::dequantize_gguf(path, output, options);
        report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        return report;
    }
    if (!options.like.empty())
        throw Error(ErrorCode::kUsage, "--like", "is of GGUF files; a set brings the companions of its model along");
    const bool names_a_file = output.native().ends_with(".safetensors");
    const io::Links links = io::links_of(options.write.follow_links);
    OpenedSet opened = open_with_companions(octet_set::find_set_folder(path), links, !names_a_file);
    octet_set::QuantizedSet& set = opened.set;
    Report report;
    commands::Notes notes(options.write);
    commands::Destination destination(output, options, notes.lines);
    const bool single = destination.is_single_file();
    if (!single && names_a_file)  // it was a link
        opened = open_with_companions(fs::path(set.folder.path()), links, true);
    const checkpoint::Family family = checkpoint::assign_kinds(set.sidecar.tensors);
    plan::OutputPlan plan =
        plan::plan_restored(set, options.dtype, single ? std::optional(destination.single_name()) : std::nullopt);
    const std::vector<std::string> names = output_names(plan, set.sidecar, single);
    commands::refuse_inputs(destination.folder(), output, names, identities_of(set));

    io::Output& output_files = destination.output();
    output_files.begin();
    io::check_free_space(output_files.place(), destination.target(),
                         commands::bytes_needed(plan.files, single ? 0 : octet_set::total_bytes(set.sidecar.companions),
                                                set.sidecar.source_index ? set.stored.size() : 0));
    output_files.build(names);
    const std::vector<io::File> files = commands::create_files(plan, output_files);
    std::vector<kernels::Narrowing> narrowings(set.stored.size());
    const codecs::TakeResult take = [&](std::size_t i, codecs::TensorResult&& result) {
        narrowings[i] = result.narrowing;
    };
    restore_tasks(set, plan, files, options.dtype, take).run(options.write);
    commands::sync_files(files, options.write);
    for (const plan::FilePlan& file : plan.files) report.output_files.push_back({file.name, file.byte_count});
    report.totals = octet_set::totals_of(set.sidecar.tensors, set.sidecar.source_sum_of_squares);
    report.totals.source_bytes = octet_set::total_bytes(set.sidecar.files);
    report.totals.output_bytes = octet_set::total_bytes(report.output_files);
    if (!single) write_companions(set, opened.companions, plan, output_files, options, report, notes.lines);
    for (const FileReport& companion : set.sidecar.companions) {
        if (single) report.left_out.push_back({companion.name, "a single file takes none along"});
    }
    if (options.write.sha256) {
        for (FileReport& file : report.output_files)
            file.sha256 = io::sha256_of(output_files.open(file.name), options.write.stop_requested);
    }
    commands::check_stop(options.write);
    destination.publish(names);

    take_results(narrowings, options.dtype, set.sidecar.tensors, report.totals);
    std::vector<std::uint64_t> stored_bytes;  // codes and state, as every command counts them
    for (std::size_t i = 0; i < set.stored.size(); ++i) {
        stored_bytes.push_back(set.sidecar.tensors[i].output_bytes);
        set.sidecar.tensors[i].source_bytes = set.sidecar.tensors[i].output_bytes = plan.placements[i].byte_count;
    }
    report.totals.framework_bytes =
        checkpoint::framework_bytes(family, set.sidecar.tensors, checkpoint::Counted::kSource);
    for (std::size_t i = 0; i < set.stored.size(); ++i) set.sidecar.tensors[i].source_bytes = stored_bytes[i];
    if (options.dtype)
        checkpoint::note_came_quantized(set.sidecar.tensors, set.folder.path() / "config.json", notes.lines);
    report.notes = notes.lines;
    report.input = path.native();
    report.output = output.native();
    report.input_files = set.sidecar.files;
    report.tensors = std::move(set.sidecar.tensors);
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace octet
