// Opened while the set's folder is held, copied or rewritten behind the tensors; see the header.
#include "commands/restored_companions.hpp"

#include <optional>

#include <fmt/format.h>

#include "checkpoint/config_dtype.hpp"
#include "checkpoint/index.hpp"
#include "io/held_folder.hpp"

namespace octet::commands {
namespace {

std::string restored_index_text(const octet_set::Sidecar& sidecar,
                                const formats::OutputPlan& plan) {
    std::vector<std::pair<std::string, std::string>> weights;
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < plan.placements.size(); ++i) {
        weights.emplace_back(sidecar.tensors[i].name, plan.files[plan.placements[i].file].name);
        bytes += plan.placements[i].byte_count;
    }
    return checkpoint::index_text_of(
        checkpoint::with_total_size(sidecar.source_index->metadata, bytes), weights);
}

/// The text of config.json that goes with weights in another dtype than the source's, if it has to
/// change.
std::optional<std::string> changed_config(const io::File& config, std::optional<Dtype> dtype) {
    constexpr std::uint64_t kMostConfigBytes = 16U << 20U;
    if (!dtype || config.size() > kMostConfigBytes) return std::nullopt;
    const std::string text = io::read_text_file(config, kMostConfigBytes);
    std::string changed = checkpoint::with_dtype(text, *dtype);
    return changed == text ? std::nullopt : std::optional(std::move(changed));
}

}  // namespace

OpenedSet open_with_companions(const std::filesystem::path& folder, io::Links links,
                               bool wants_companions) {
    return io::read_held(folder, [&](const io::HeldFolder& held) {
        OpenedSet opened{octet_set::open_set(held, octet_set::read_sidecar(held, links)), {}};
        if (!wants_companions) return opened;
        for (const FileReport& companion : opened.set.sidecar.companions)
            opened.companions.push_back(held.open(companion.name));
        return opened;
    });
}

void write_companions(const OpenedSet& opened, const formats::OutputPlan& plan, io::Output& output,
                      const DequantizeOptions& options, Report& report,
                      std::vector<std::string>& notes) {
    const octet_set::Sidecar& sidecar = opened.set.sidecar;
    const std::vector<io::File>& companions = opened.companions;
    const bool sync = options.write.sync;
    for (std::size_t i = 0; i < companions.size(); ++i) {
        const FileReport& companion = sidecar.companions[i];
        report.companions.push_back(companion.name);
        const auto config = companion.name == "config.json"
                                ? changed_config(companions[i], options.dtype)
                                : std::nullopt;
        if (config) {
            io::write_text(output.create(companion.name, config->size()), *config, sync);
            report.output_files.push_back({companion.name, config->size()});
            notes.push_back(
                fmt::format("config.json says {} now, the dtype of the restored weights",
                            dtype_name(*options.dtype)));
            continue;
        }
        io::copy_bytes(companions[i], output.create(companion.name, companions[i].size()), sync);
        report.output_files.push_back(companion);
    }
    if (!sidecar.source_index) return;
    const std::string text = restored_index_text(sidecar, plan);
    io::write_text(output.create(sidecar.source_index->name, text.size()), text, sync);
    report.output_files.push_back({sidecar.source_index->name, text.size()});
}

}  // namespace octet::commands
