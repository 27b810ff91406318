// The weights take the places of their codes, shard by shard; what describes codes stays behind.
#include "commands/dequantize_quantized.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

#include <fmt/format.h>

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "checkpoint/companions.hpp"
#include "checkpoint/config_dtype.hpp"
#include "checkpoint/config_quantization.hpp"
#include "checkpoint/declared_method.hpp"
#include "checkpoint/index.hpp"
#include "commands/destination.hpp"
#include "commands/output.hpp"
#include "commands/restore_source.hpp"
#include "formats/came_quantized/quantized_source.hpp"
#include "formats/octet_set/quantized_set.hpp"
#include "formats/restored_layout.hpp"
#include "io/free_space.hpp"
#include "io/held_folder.hpp"
#include "pipeline/stop.hpp"

namespace octet::commands {
namespace {

namespace fs = std::filesystem;
using came_quantized::QuantizedSource;

constexpr std::uint64_t kMostConfigBytes = 16U << 20U;

/// Files that say how the codes were made; beside plain weights they would mislead a loader.
bool describes_codes(std::string_view name) {
    static constexpr std::array<std::string_view, 4> kNames = {
        "quantize_config.json", "quant_config.json", "hf_quant_config.json", "quanto_qmap.json"};
    return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

checkpoint::Companions companions_of(const checkpoint::Checkpoint& checkpoint, bool single,
                                     io::Links links) {
    checkpoint::Companions found =
        checkpoint::find_companions(checkpoint, CompanionChoice::kAll, links);
    for (const checkpoint::Companion& one : found.copied) {
        if (single) {
            found.left_out.push_back({one.name, "a single file takes none along"});
        } else if (describes_codes(one.name)) {
            found.left_out.push_back({one.name, "it describes codes, which are weights again"});
        }
    }
    std::erase_if(found.copied,
                  [&](const auto& one) { return single || describes_codes(one.name); });
    return found;
}

formats::OutputPlan plan_of(const QuantizedSource& source,
                            const std::optional<std::string>& single_name,
                            std::optional<Dtype> dtype, std::string_view input) {
    const std::vector<TensorReport>& tensors = source.tensors();
    std::vector<formats::OutputTensor> places;
    places.reserve(tensors.size());
    const bool joins = single_name && source.shards().size() > 1;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const auto position = joins ? static_cast<std::uint32_t>(i) : source.header_position(i);
        places.push_back({&tensors[i].name, single_name ? 0 : source.shard_of(i), position, 0});
    }
    std::vector<formats::DataFile> files;
    std::vector<safetensors::Metadata> all;
    for (const QuantizedSource::Shard& shard : source.shards()) {
        files.push_back({shard.base_name, shard.metadata});
        all.push_back(shard.metadata);
    }
    if (single_name) files = {formats::DataFile{*single_name, formats::joined_metadata(all)}};
    return formats::plan_files(tensors, dtype, std::move(places), files, input);
}

std::string index_text(const QuantizedSource& source, const formats::OutputPlan& plan) {
    std::vector<std::pair<std::string, std::string>> weights;
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < plan.placements.size(); ++i) {
        weights.emplace_back(source.tensors()[i].name, plan.files[plan.placements[i].file].name);
        bytes += plan.placements[i].byte_count;
    }
    return checkpoint::index_text_of(checkpoint::with_total_size(source.index()->metadata, bytes),
                                     weights);
}

/// The text of config.json as it goes with plain weights; nothing of one that is too large to be
/// one.
std::optional<std::string> plain_config(const io::File& config, std::optional<Dtype> dtype) {
    if (config.size() > kMostConfigBytes) return std::nullopt;
    std::string text =
        checkpoint::without_quantization(io::read_text_file(config, kMostConfigBytes));
    return dtype ? checkpoint::with_dtype(text, *dtype) : text;
}

void write_beside(const QuantizedSource& source, const checkpoint::Companions& companions,
                  bool single, const formats::OutputPlan& plan, const DequantizeOptions& options,
                  io::Output& output, Report& report) {
    const auto write = [&](const std::string& name, const std::string& text) {
        io::write_text(output.create(name, text.size()), text, options.write.sync);
        report.output_files.push_back({name, text.size()});
    };
    const std::optional<Dtype> dtype = common_dtype(source, options.dtype);
    for (const checkpoint::Companion& companion : companions.copied) {
        const io::File file = io::File::open_for_reading(companion.path);
        report.companions.push_back(companion.name);
        const auto config =
            companion.name == "config.json" ? plain_config(file, dtype) : std::nullopt;
        if (config) {
            write(companion.name, *config);
        } else {
            io::copy_bytes(file, output.create(companion.name, file.size()), options.write.sync);
            report.output_files.push_back({companion.name, file.size()});
        }
    }
    if (!single && source.index()) write(source.index()->name, index_text(source, plan));
}

/// What lies there, if it can be opened: who looks for a set says better what else it is. A folder
/// with the index of a checkpoint is one, and what it lacks is named.
std::optional<checkpoint::Checkpoint> opened(const fs::path& path, io::Links links) {
    try {
        return checkpoint::open_checkpoint(path, links);
    } catch (const Error& error) {
        if (error.code() == ErrorCode::kInterrupted) throw;
        if (io::folder_has(path, kIndexName) && !octet_set::is_set(path)) throw;
        return std::nullopt;
    }
}

std::vector<std::string> names_of(const formats::OutputPlan& plan,
                                  const checkpoint::Companions& companions,
                                  const QuantizedSource& source, bool single) {
    std::vector<std::string> names;
    for (const formats::FilePlan& file : plan.files) names.push_back(file.name);
    for (const checkpoint::Companion& companion : companions.copied)
        names.push_back(companion.name);
    if (!single && source.index()) names.push_back(source.index()->name);
    return names;
}

}  // namespace

std::optional<Report> dequantize_quantized(const fs::path& path, const fs::path& output,
                                           const DequantizeOptions& options) {
    const io::Links links = io::links_of(options.write.follow_links);
    const auto start = std::chrono::steady_clock::now();
    std::optional<checkpoint::Checkpoint> found = opened(path, links);
    if (!found) return std::nullopt;
    checkpoint::Checkpoint& checkpoint = *found;
    const std::unique_ptr<QuantizedSource> source = QuantizedSource::try_open(checkpoint, links);
    if (!source) {
        const std::string method = checkpoint::method_of(checkpoint, links);
        if (method.empty()) return std::nullopt;
        throw Error(
            ErrorCode::kBadInput, printable(path.native()),
            fmt::format("came quantized ({}), which is not read; docs/formats.md lists what is",
                        printable(method)));
    }
    Report report;
    report.format = source->format();
    report.input = path.native();
    report.output = output.native();
    Notes notes(options.write);
    notes.lines = source->notes();
    Destination destination(output, options, notes.lines);
    const bool single = destination.is_single_file();
    formats::OutputPlan plan =
        plan_of(*source, single ? std::optional(destination.single_name()) : std::nullopt,
                options.dtype, path.native());
    const checkpoint::Companions companions = companions_of(checkpoint, single, links);
    const std::vector<std::string> names = names_of(plan, companions, *source, single);
    refuse_inputs(destination.folder(), output, names, inputs_of(*source, companions));

    io::Output& files = destination.output();
    files.begin();
    io::check_free_space(files.place(), destination.target(),
                         bytes_needed(plan.files, checkpoint::total_bytes(companions),
                                      source->index() ? source->tensors().size() : 0));
    files.build(names);
    const std::vector<kernels::Narrowing> narrowings = restore(*source, plan, files, options);
    for (const formats::FilePlan& file : plan.files)
        report.output_files.push_back({file.name, file.byte_count});
    write_beside(*source, companions, single, plan, options, files, report);
    fill_report(*source, source->tensors(), source->totals(), plan, narrowings, options.dtype,
                report);
    report.left_out = companions.left_out;
    add_sha256(files, options.write, report);
    pipeline::check_stop(options.write);
    destination.publish(names);
    report.notes = notes.lines;
    report.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace octet::commands
