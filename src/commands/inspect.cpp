// inspect(): what a checkpoint or a set holds, from headers and sidecar alone.
#include <chrono>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/kind.hpp"
#include "formats/float_source.hpp"
#include "formats/octet_set/find_set.hpp"
#include "formats/octet_set/quantized_set.hpp"
#include "formats/octet_set/totals.hpp"
#include "octet/octet.hpp"

namespace octet {
namespace {

Report inspect_set(const std::filesystem::path& path) {
    octet_set::QuantizedSet set = octet_set::open_set(octet_set::find_set_folder(path));
    Report report;
    report.is_set = true;
    const checkpoint::Family family = checkpoint::assign_kinds(set.sidecar.tensors);
    report.totals = octet_set::totals_of(set.sidecar.tensors, set.sidecar.source_sum_of_squares);
    report.totals.source_bytes = octet_set::total_bytes(set.sidecar.source_files);
    report.totals.output_bytes = octet_set::total_bytes(set.sidecar.files);
    report.totals.source_framework_bytes = set.sidecar.source_framework_bytes;
    report.totals.framework_bytes =
        checkpoint::framework_bytes(family, set.sidecar.tensors, checkpoint::counted_as(set.sidecar.options.preset));
    report.input_files = std::move(set.sidecar.files);
    report.tensors = std::move(set.sidecar.tensors);
    return report;
}

Report inspect_checkpoint(const std::filesystem::path& path) {
    const checkpoint::Checkpoint checkpoint = checkpoint::open_checkpoint(path);
    Report report;
    report.tensors = formats::tensors_of(checkpoint);
    const checkpoint::Family family = checkpoint::assign_kinds(report.tensors);
    for (const checkpoint::Shard& shard : checkpoint.shards)
        report.input_files.push_back({shard.base_name, shard.file.size()});
    report.totals = octet_set::totals_of(report.tensors, 0.0);
    report.totals.source_bytes = report.totals.output_bytes = octet_set::total_bytes(report.input_files);
    report.totals.framework_bytes = checkpoint::framework_bytes(family, report.tensors, checkpoint::Counted::kSource);
    return report;
}

}  // namespace

Report inspect(const std::filesystem::path& path) {
    const auto start = std::chrono::steady_clock::now();
    Report report = octet_set::is_set(path) ? inspect_set(path) : inspect_checkpoint(path);
    report.input = path.native();
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace octet
