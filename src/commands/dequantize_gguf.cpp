// The tensors of the file are laid out under their names in the checkpoint, restored, and become
// visible as every output does.
#include "commands/dequantize_gguf.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "arch/names.hpp"
#include "base/text.hpp"
#include "checkpoint/companions.hpp"
#include "checkpoint/config_dtype.hpp"
#include "commands/destination.hpp"
#include "commands/output.hpp"
#include "commands/restore_source.hpp"
#include "formats/gguf/gguf_source.hpp"
#include "formats/restored_layout.hpp"
#include "io/free_space.hpp"
#include "pipeline/stop.hpp"

namespace octet::commands {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostConfigBytes = 16U << 20U;

/// The other files of the model's folder; none without one.
checkpoint::Companions companions_of(const fs::path& like, bool single,
                                     const WriteOptions& options) {
    if (like.empty()) return {};
    if (io::kind_at(like) != io::EntryKind::kFolder)
        throw Error(ErrorCode::kUsage, "--like",
                    printable(like.native()) + " is no folder; name the folder of the model");
    checkpoint::Checkpoint model;
    model.folder = like;
    model.is_folder = true;
    checkpoint::Companions found = checkpoint::find_companions(model, CompanionChoice::kAll,
                                                               io::links_of(options.follow_links));
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

/// The tensors under the names that the model in that folder has for them, which may have the
/// prefix of a wrapper.
std::vector<TensorReport> named_like(std::vector<TensorReport> tensors, const fs::path& like,
                                     io::Links links) {
    checkpoint::Checkpoint model;
    try {
        if (!like.empty()) model = checkpoint::open_checkpoint(like, links);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::kBadInput)
            throw;  // a folder without weights, or with others
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

void write_companions(const checkpoint::Companions& companions, std::optional<Dtype> dtype,
                      io::Output& output, bool sync, Report& report) {
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

}  // namespace

Report dequantize_gguf(const fs::path& path, const fs::path& output,
                       const DequantizeOptions& options) {
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
    formats::OutputPlan plan =
        formats::plan_plain(tensors, options.dtype, data_name, path.native());
    const checkpoint::Companions companions = companions_of(options.like, single, options.write);
    std::vector<std::string> names{data_name};
    for (const checkpoint::Companion& companion : companions.copied)
        names.push_back(companion.name);
    refuse_inputs(destination.folder(), output, names, inputs_of(source, companions));

    io::Output& files = destination.output();
    files.begin();
    io::check_free_space(files.place(), destination.target(),
                         bytes_needed(plan.files, checkpoint::total_bytes(companions), 0));
    files.build(names);
    const std::vector<kernels::Narrowing> narrowings = restore(source, plan, files, options);
    for (const formats::FilePlan& file : plan.files)
        report.output_files.push_back({file.name, file.byte_count});
    fill_report(source, std::move(tensors), source.totals(), plan, narrowings, options.dtype,
                report);
    write_companions(companions, common_dtype(source, options.dtype), files, options.write.sync,
                     report);
    report.left_out = companions.left_out;
    add_sha256(files, options.write, report);
    pipeline::check_stop(options.write);
    destination.publish(names);
    report.notes = notes.lines;
    return report;
}

}  // namespace octet::commands
