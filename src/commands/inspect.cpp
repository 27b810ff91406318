// inspect(): what a checkpoint or a set holds, from headers and sidecar alone.
#include <chrono>
#include <string>
#include <string_view>
#include <unordered_map>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/kind.hpp"
#include "formats/came_quantized/quantized_source.hpp"
#include "formats/gguf/gguf_source.hpp"
#include "formats/gguf/read_values.hpp"
#include "formats/octet_set/quantized_set.hpp"
#include "formats/octet_set/totals.hpp"
#include "formats/plain_source.hpp"
#include "octet/octet.hpp"

namespace octet {
namespace {

/// Every key once; where files differ, the others' values stand under the key and the file's name.
void add_metadata(const safetensors::Metadata& metadata, const std::string& file, Report& report) {
    std::unordered_map<std::string_view, std::size_t> known;  // a header can have millions of keys
    const std::size_t before = report.metadata.size();
    report.metadata.reserve(before + metadata.size());
    for (std::size_t i = 0; i < before; ++i) known.emplace(report.metadata[i].first, i);
    for (const auto& [key, value] : metadata) {
        const auto found = known.find(key);
        if (found == known.end()) {
            report.metadata.emplace_back(key, value);
        } else if (report.metadata[found->second].second != value) {
            report.metadata.emplace_back(key + " (" + file + ")", value);
        }
    }
}

Report inspect_set(const std::filesystem::path& path, io::Links links) {
    octet_set::QuantizedSet set = octet_set::open_set(octet_set::find_set_folder(path), links);
    Report report;
    report.is_set = true;
    report.format = "octet";
    report.totals = octet_set::totals_of(set.sidecar);
    for (std::size_t i = 0; i < set.data_files.size(); ++i)
        add_metadata(set.data_files[i].metadata, set.sidecar.files[i].name, report);
    report.input_files = std::move(set.sidecar.files);
    report.tensors = std::move(set.sidecar.tensors);
    return report;
}

/// The weights that came quantized by a method that is read, or nothing; state that does not fit is
/// a note then.
std::unique_ptr<came_quantized::QuantizedSource> quantized(checkpoint::Checkpoint& checkpoint,
                                                           io::Links links) {
    try {
        return came_quantized::QuantizedSource::try_open(checkpoint, links);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::kBadInput) throw;
        checkpoint.notes.push_back(error.what());
        return nullptr;
    }
}

Report inspect_quantized(const came_quantized::QuantizedSource& source) {
    Report report;
    report.format = source.format();
    report.tensors = source.tensors();
    report.notes = source.notes();
    report.totals = source.totals();
    for (std::size_t i = 0; i < source.shards().size(); ++i) {
        const auto& shard = source.shards()[i];
        report.input_files.push_back({shard.base_name, source.files()[i].size()});
        add_metadata(shard.metadata, shard.base_name, report);
    }
    return report;
}

Report inspect_checkpoint(const std::filesystem::path& path, io::Links links) {
    checkpoint::Checkpoint checkpoint = checkpoint::open_checkpoint(path, links);
    if (const auto source = quantized(checkpoint, links)) return inspect_quantized(*source);
    Report report;
    report.format = "safetensors";
    report.tensors = formats::take_tensors(checkpoint);
    const checkpoint::Family family = checkpoint::assign_kinds(report.tensors);
    for (const checkpoint::Shard& shard : checkpoint.shards) {
        report.input_files.push_back({shard.base_name, shard.file.size()});
        add_metadata(shard.metadata, shard.base_name, report);
    }
    report.notes = checkpoint.notes;
    report.totals = octet_set::totals_of(report.tensors, 0.0);
    report.totals.source_bytes = report.totals.output_bytes =
        octet_set::total_bytes(report.input_files);
    report.totals.framework_bytes =
        checkpoint::framework_bytes(family, report.tensors, checkpoint::Counted::kSource);
    return report;
}

Report inspect_gguf(const std::filesystem::path& path, io::Links links) {
    gguf::GgufFile file = gguf::open_gguf(path, links);
    Report report;
    report.format = "gguf";
    for (std::size_t i = 0; i < file.files.size(); ++i)
        report.input_files.push_back({file.base_names[i], file.files[i].size()});
    for (const gguf::ReadKey& key : file.keys)
        report.metadata.emplace_back(key.name, gguf::shown_value(file.files.front(), key));
    const gguf::GgufSource source(std::move(file));
    report.tensors = source.tensors();
    report.totals = source.totals();
    return report;
}

Report inspect_any(const std::filesystem::path& path, io::Links links) {
    if (checkpoint::locate(path).what == checkpoint::Location::What::kGguf)
        return inspect_gguf(path, links);
    return octet_set::is_set(path) ? inspect_set(path, links) : inspect_checkpoint(path, links);
}

}  // namespace

Report inspect(const std::filesystem::path& path, bool follow_links) {
    const auto start = std::chrono::steady_clock::now();
    const io::Links links = io::links_of(follow_links);
    Report report = inspect_any(path, links);
    report.input = path.native();
    report.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace octet
