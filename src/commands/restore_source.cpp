// Tensors that lie in the source as the output has them are copied or converted as bytes; all
// others are restored as floats.
#include "commands/restore_source.hpp"

#include <algorithm>

#include "base/json_text.hpp"
#include "checkpoint/kind.hpp"
#include "codecs/copy.hpp"
#include "codecs/restore_floats.hpp"
#include "codecs/run.hpp"
#include "commands/output.hpp"
#include "formats/octet_set/totals.hpp"
#include "formats/restored_layout.hpp"
#include "io/sha256.hpp"

namespace octet::commands {
namespace {

namespace fs = std::filesystem;

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
            tasks.add<codecs::ConvertTask>(
                codecs::ConvertJob{from, to, tensor.dtype, restored, tensor.name}, i, take);
        } else {
            tasks.add<codecs::RestoreFloatsTask>(codecs::RestoreFloatsJob{&source, i, to, restored},
                                                 i, take);
        }
    }
    return tasks;
}

/// What narrowing to F16 or BF16 added; dtypes and sizes become those of the checkpoint.
void take_results(const std::vector<kernels::Narrowing>& narrowings,
                  const formats::OutputPlan& plan, std::optional<Dtype> dtype, Report& report) {
    for (std::size_t i = 0; i < report.tensors.size(); ++i) {
        TensorReport& tensor = report.tensors[i];
        const Dtype restored = formats::restored_dtype(tensor, dtype);
        const bool is_narrowed =
            restored != tensor.dtype && (restored == Dtype::kF16 || restored == Dtype::kBF16);
        tensor.dtype = restored;
        tensor.output_bytes = plan.placements[i].byte_count;
        if (!is_narrowed) continue;
        tensor.narrowed_max_abs_error =
            six_digits(static_cast<double>(narrowings[i].max_abs_difference));
        report.totals.narrowed_max_abs_error = std::max(
            report.totals.narrowed_max_abs_error.value_or(0.0), *tensor.narrowed_max_abs_error);
    }
}

}  // namespace

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

std::vector<kernels::Narrowing> restore(const formats::FloatSource& source,
                                        formats::OutputPlan& plan, io::Output& output,
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

std::vector<io::FileIdentity> inputs_of(const formats::FloatSource& source,
                                        const checkpoint::Companions& companions) {
    std::vector<io::FileIdentity> inputs;
    for (const io::File& file : source.files()) inputs.push_back(file.identity());
    for (const checkpoint::Companion& companion : companions.copied)
        inputs.push_back(io::File::open_for_reading(companion.path).identity());
    return inputs;
}

void fill_report(const formats::FloatSource& source, std::vector<TensorReport> tensors,
                 const Totals& totals, const formats::OutputPlan& plan,
                 const std::vector<kernels::Narrowing>& narrowings, std::optional<Dtype> dtype,
                 Report& report) {
    report.tensors = std::move(tensors);
    report.totals = totals;
    report.totals.output_bytes = octet_set::total_bytes(report.output_files);
    take_results(narrowings, plan, dtype, report);
    std::vector<TensorReport> restored = report.tensors;
    for (TensorReport& tensor : restored) tensor.source_bytes = tensor.output_bytes;
    const checkpoint::Family family = checkpoint::detect_family(restored);
    report.totals.framework_bytes =
        checkpoint::framework_bytes(family, restored, checkpoint::Counted::kSource);
    for (const io::File& file : source.files())
        report.input_files.push_back({fs::path(file.name()).filename().native(), file.size()});
}

void add_sha256(const io::Output& output, const WriteOptions& options, Report& report) {
    if (!options.sha256) return;
    for (FileReport& file : report.output_files)
        file.sha256 = io::sha256_of(output.open(file.name), options.stop_requested);
}

}  // namespace octet::commands
