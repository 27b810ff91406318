// The tensors of the file are laid out under their names in the checkpoint, restored through
// codecs/restore_floats, and become visible as every output does.
#include "commands/dequantize_gguf.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "arch/names.hpp"
#include "base/json_text.hpp"
#include "base/text.hpp"
#include "checkpoint/companions.hpp"
#include "checkpoint/config_dtype.hpp"
#include "checkpoint/kind.hpp"
#include "codecs/copy.hpp"
#include "codecs/restore_floats.hpp"
#include "codecs/run.hpp"
#include "commands/destination.hpp"
#include "commands/output.hpp"
#include "formats/gguf/gguf_source.hpp"
#include "formats/octet_set/totals.hpp"
#include "formats/restored_layout.hpp"
#include "io/free_space.hpp"
#include "io/sha256.hpp"
#include "pipeline/stop.hpp"

namespace octet::commands {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostConfigBytes = 16U << 20U;

/// The other files of the model's folder; none without one.
checkpoint::Companions companions_of(const fs::path& like, bool single, const WriteOptions& options) {
    if (like.empty()) return {};
    if (io::kind_at(like) != io::EntryKind::kFolder)
        throw Error(ErrorCode::kUsage, "--like",
                    printable(like.native()) + " is no folder; name the folder of the model");
    checkpoint::Checkpoint model;
    model.folder = like;
    model.is_folder = true;
    checkpoint::Companions found =
        checkpoint::find_companions(model, CompanionChoice::kAll, io::links_of(options.follow_links));
    const auto is_index = [](const checkpoint::Companion& one) {
        return one.name.ends_with(".safetensors.index.json");
    };
    std::erase_if(found.copied, is_index);
    if (!single) return found;
    for (const checkpoint::Companion& one : found.copied)
        found.left_out.push_back({one.name, "a single file takes none along"});
    found.copied.clear();
    return found;
}

/// The tensors under the names that the model in that folder has for them, which may have the prefix of a wrapper.
std::vector<TensorReport> named_like(std::vector<TensorReport> tensors, const fs::path& like, io::Links links) {
    checkpoint::Checkpoint model;
    try {
        if (!like.empty()) model = checkpoint::open_checkpoint(like, links);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::kBadInput) throw;  // a folder without weights, or with others
    }
    std::unordered_map<std::string_view, const std::string*> names;
    for (const checkpoint::Tensor& tensor : model.tensors)
        names.emplace(arch::without_wrappers(tensor.name), &tensor.name);
    for (TensorReport& tensor : tensors) {
        const auto found = names.find(arch::without_wrappers(tensor.name));
        if (found != names.end()) tensor.name = *found->second;
    }
    return tensors;
}

/// The one dtype that all float tensors will have; nothing where they differ.
std::optional<Dtype> common_dtype(const formats::FloatSource& source, std::optional<Dtype> asked) {
    std::optional<Dtype> common = asked;
    for (const TensorReport& tensor : source.tensors()) {
        if (!is_quantizable(tensor.dtype) || tensor.shape.size() < 2) continue;
        const Dtype dtype = formats::restored_dtype(tensor, asked);
        if (common.value_or(dtype) != dtype) return std::nullopt;
        common = dtype;
    }
    return common;
}

codecs::TaskList tasks_of(const formats::FloatSource& source, const formats::OutputPlan& plan,
                          const std::vector<io::File>& files, std::optional<Dtype> dtype,
                          const codecs::TakeResult& take) {
    codecs::TaskList tasks;
    tasks.reserve(source.tensors().size());
    for (std::size_t i = 0; i < source.tensors().size(); ++i) {
        const TensorReport& tensor = source.tensors()[i];
        const formats::Placement& place = plan.placements[i];
        const pipeline::Stretch from{&source.file_of(i), source.offset(i), source.byte_count(i)};
        const pipeline::Stretch to{&files[place.file], place.offset, place.byte_count};
        const Dtype restored = formats::restored_dtype(tensor, dtype);
        if (source.is_plain(i) && restored == tensor.dtype) {
            tasks.add<codecs::CopyTask>(from, to, i, take, false);
        } else if (source.is_plain(i)) {
            tasks.add<codecs::ConvertTask>(codecs::ConvertJob{from, to, tensor.dtype, restored, tensor.name}, i, take);
        } else {
            tasks.add<codecs::RestoreFloatsTask>(codecs::RestoreFloatsJob{&source, i, to, restored}, i, take);
        }
    }
    return tasks;
}

void write_companions(const checkpoint::Companions& companions, std::optional<Dtype> dtype, io::Output& output,
                      bool sync, Report& report) {
    for (const checkpoint::Companion& companion : companions.copied) {
        const io::File source = io::File::open_for_reading(companion.path);
        std::string text;
        if (companion.name == "config.json" && dtype && source.size() <= kMostConfigBytes)
            text = checkpoint::with_dtype(io::read_text_file(source, kMostConfigBytes), *dtype);
        if (text.empty()) {
            io::copy_bytes(source, output.create(companion.name, source.size()), sync);
        } else {
            io::write_text(output.create(companion.name, text.size()), text, sync);
        }
        report.companions.push_back(companion.name);
        report.output_files.push_back({companion.name, text.empty() ? source.size() : text.size()});
    }
}

/// What narrowing to F16 or BF16 added; dtypes and sizes become those of the checkpoint.
void take_results(const std::vector<kernels::Narrowing>& narrowings, const formats::OutputPlan& plan,
                  std::optional<Dtype> dtype, Report& report) {
    for (std::size_t i = 0; i < report.tensors.size(); ++i) {
        TensorReport& tensor = report.tensors[i];
        const Dtype restored = formats::restored_dtype(tensor, dtype);
        const bool is_narrowed = restored != tensor.dtype && (restored == Dtype::kF16 || restored == Dtype::kBF16);
        tensor.dtype = restored;
        tensor.output_bytes = plan.placements[i].byte_count;
        if (!is_narrowed) continue;
        tensor.narrowed_max_abs_error = six_digits(static_cast<double>(narrowings[i].max_abs_difference));
        report.totals.narrowed_max_abs_error =
            std::max(report.totals.narrowed_max_abs_error.value_or(0.0), *tensor.narrowed_max_abs_error);
    }
}

void fill_report(const gguf::GgufSource& source, std::vector<TensorReport> tensors, const formats::OutputPlan& plan,
                 const std::vector<kernels::Narrowing>& narrowings, std::optional<Dtype> dtype, Report& report) {
    report.tensors = std::move(tensors);
    report.totals = source.totals();
    report.totals.output_bytes = octet_set::total_bytes(report.output_files);
    take_results(narrowings, plan, dtype, report);
    std::vector<TensorReport> restored = report.tensors;
    for (TensorReport& tensor : restored) tensor.source_bytes = tensor.output_bytes;
    const checkpoint::Family family = checkpoint::detect_family(restored);
    report.totals.framework_bytes = checkpoint::framework_bytes(family, restored, checkpoint::Counted::kSource);
    for (const io::File& file : source.files())
        report.input_files.push_back({fs::path(file.name()).filename().native(), file.size()});
}

/// The files that are read, which are not to be written to.
std::vector<io::FileIdentity> inputs_of(const gguf::GgufSource& source, const checkpoint::Companions& companions) {
    std::vector<io::FileIdentity> inputs;
    for (const io::File& file : source.files()) inputs.push_back(file.identity());
    for (const checkpoint::Companion& companion : companions.copied)
        inputs.push_back(io::File::open_for_reading(companion.path).identity());
    return inputs;
}

/// Fills the data file; one result a tensor.
std::vector<kernels::Narrowing> restore(const gguf::GgufSource& source, formats::OutputPlan& plan, io::Output& output,
                                        const DequantizeOptions& options) {
    const std::vector<io::File> files = create_files(plan, output);
    std::vector<kernels::Narrowing> narrowings(source.tensors().size());
    const codecs::TakeResult take = [&](std::size_t i, codecs::TensorResult&& result) {
        narrowings[i] = result.narrowing;
    };
    tasks_of(source, plan, files, options.dtype, take).run(options.write);
    sync_files(files, options.write);
    return narrowings;
}

void add_sha256(const io::Output& output, const WriteOptions& options, Report& report) {
    if (!options.sha256) return;
    for (FileReport& file : report.output_files)
        file.sha256 = io::sha256_of(output.open(file.name), options.stop_requested);
}

}  // namespace

Report dequantize_gguf(const fs::path& path, const fs::path& output, const DequantizeOptions& options) {
    const io::Links links = io::links_of(options.write.follow_links);
    const gguf::GgufSource source(gguf::open_gguf(path, links));
    Report report;
    report.format = "gguf";
    report.input = path.native();
    report.output = output.native();
    Notes notes(options.write);
    Destination destination(output, options, notes.lines);
    const bool single = destination.is_single_file();
    const std::string data_name = single ? destination.single_name() : "model.safetensors";
    std::vector<TensorReport> tensors = named_like(source.tensors(), options.like, links);
    formats::OutputPlan plan = formats::plan_plain(tensors, options.dtype, data_name, path.native());
    const checkpoint::Companions companions = companions_of(options.like, single, options.write);
    std::vector<std::string> names{data_name};
    for (const checkpoint::Companion& companion : companions.copied) names.push_back(companion.name);
    refuse_inputs(destination.folder(), output, names, inputs_of(source, companions));

    io::Output& files = destination.output();
    files.begin();
    io::check_free_space(files.place(), destination.target(),
                         bytes_needed(plan.files, checkpoint::total_bytes(companions), 0));
    files.build(names);
    const std::vector<kernels::Narrowing> narrowings = restore(source, plan, files, options);
    for (const formats::FilePlan& file : plan.files) report.output_files.push_back({file.name, file.byte_count});
    fill_report(source, std::move(tensors), plan, narrowings, options.dtype, report);
    write_companions(companions, common_dtype(source, options.dtype), files, options.write.sync, report);
    report.left_out = companions.left_out;
    add_sha256(files, options.write, report);
    pipeline::check_stop(options.write);
    destination.publish(names);
    report.notes = notes.lines;
    return report;
}

}  // namespace octet::commands
