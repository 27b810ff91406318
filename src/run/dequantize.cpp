#include <algorithm>
#include <chrono>
#include <deque>

#include <fmt/format.h>

#include "base/json_text.hpp"
#include "base/set_names.hpp"
#include "base/text.hpp"
#include "checkpoint/declared_method.hpp"
#include "checkpoint/index.hpp"
#include "checkpoint/kind.hpp"
#include "io/free_space.hpp"
#include "io/output.hpp"
#include "io/sha256.hpp"
#include "octet/octet.hpp"
#include "plan/output_plan.hpp"
#include "quant/stored_form.hpp"
#include "run/engine.hpp"
#include "run/find_set.hpp"
#include "run/output.hpp"
#include "state/quantized_set.hpp"
#include "state/totals.hpp"

namespace octet {
namespace {

namespace fs = std::filesystem;

/// Where the restored files go: a file or a folder of their own, or among the files of a folder.
class Destination {
  public:
    Destination(const fs::path& given, const DequantizeOptions& options, std::vector<std::string>& notes)
        : given_(given),
          target_(io::resolved_target(given)),
          single_(target_.filename().native().ends_with(".safetensors")),
          force_(options.write.force) {
        check_kind();
        output_.emplace(target_, single_ ? io::Output::Kind::kFile : io::Output::Kind::kFolder,
                        std::string(kSidecarName), options.write.sync, notes);
        const std::vector<std::string>& names = output_->standing().names;
        if (!names.empty() && !force_)
            refuse(
                fmt::format("is not empty ({}); --force replaces files of the same names", printable(names.front())));
        is_whole_folder_ = !single_ && names.empty();
    }

    bool is_single_file() const { return single_; }
    std::string single_name() const { return target_.filename().native(); }
    fs::path folder() const { return single_ ? target_.parent_path() : target_; }
    const fs::path& target() const { return target_; }
    io::Output& output() { return *output_; }

    void publish(const std::vector<std::string>& names) {
        if (is_whole_folder_) {
            output_->publish_folder({});
        } else {
            output_->publish_files(names, force_);
        }
    }

  private:
    void check_kind() const {
        const io::EntryKind kind = io::kind_at(target_);
        if (kind == io::EntryKind::kNothing) return;
        const bool is_folder = kind == io::EntryKind::kFolder;
        if (single_ && is_folder) refuse("is a folder; name a file, or a folder that does not end in .safetensors");
        if (single_ && !force_) refuse("exists already; --force replaces it");
        if (!single_ && !is_folder)
            refuse("is a file whose name does not end in .safetensors; name a folder or a .safetensors file");
    }

    [[noreturn]] void refuse(const std::string& what) const {
        throw Error(ErrorCode::kUsage, printable(given_.native()), what);
    }

    fs::path given_;
    fs::path target_;
    bool single_;
    bool force_;
    bool is_whole_folder_ = false;
    std::optional<io::Output> output_;
};

/// Everything that will stand in the output folder, data first, index and companions behind.
std::vector<std::string> output_names(const plan::OutputPlan& plan, const state::Sidecar& sidecar, bool single) {
    std::vector<std::string> names;
    for (const plan::FilePlan& file : plan.files) names.push_back(file.name);
    if (single) return names;
    for (const FileReport& companion : sidecar.companions) names.push_back(companion.name);
    if (sidecar.source_index) names.push_back(sidecar.source_index->name);
    return names;
}

std::vector<io::FileIdentity> identities_of(const state::QuantizedSet& set) {
    std::vector<io::FileIdentity> identities;
    for (const std::string& name : state::file_names_of(set.sidecar)) {
        io::FileIdentity identity;
        if (io::find_identity(set.folder / name, identity)) identities.push_back(identity);
    }
    return identities;
}

std::vector<run::TensorJob> restore_jobs(const state::QuantizedSet& set, const plan::OutputPlan& plan,
                                         const std::vector<io::File>& files, std::optional<Dtype> dtype,
                                         std::deque<run::BlockJob>& blocks) {
    std::vector<run::TensorJob> jobs(set.stored.size());
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const TensorReport& tensor = set.sidecar.tensors[i];
        const state::StoredTensor& stored = set.stored[i];
        run::TensorJob& job = jobs[i];
        job.source = &set.data_files[stored.file].file;
        job.source_offset = stored.offset;
        job.target = &files[plan.placements[i].file];
        job.target_offset = plan.placements[i].offset;
        job.elements = stored.byte_count;  // codes, or the bytes of a copy
        job.name = tensor.name;
        job.shape = &tensor.shape;
        const Dtype restored = plan::restored_dtype(tensor, dtype);
        if (tensor.scheme && quant::uses_blocks(*tensor.scheme)) {
            job.codec = run::Codec::kRestoreBlocks;
            job.target_dtype = restored;
            blocks.push_back({*tensor.scheme,
                              element_count(tensor.shape).value_or(0),
                              {tensor.scale.value_or(0.0F), tensor.zero_point.value_or(0.0F)}});
            job.block = &blocks.back();
        } else if (tensor.scheme) {
            job.codec = run::Codec::kDequantize;
            job.target_dtype = restored;
            job.state = {*tensor.scale, *tensor.zero_point};
        } else if (restored != tensor.dtype) {
            job.codec = run::Codec::kConvert;
            job.source_dtype = tensor.dtype;
            job.target_dtype = restored;
            job.elements = stored.byte_count * 8 / dtype_bits(tensor.dtype);
        }
    }
    return jobs;
}

/// The error that restored values of a narrower dtype can have: the stored one and what narrowing added, measured.
void take_results(const std::vector<run::TensorJob>& jobs, std::vector<TensorReport>& tensors, Totals& totals) {
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const run::TensorJob& job = jobs[i];
        const bool narrower = job.target_dtype == Dtype::kF16 || job.target_dtype == Dtype::kBF16;
        tensors[i].dtype = job.codec == run::Codec::kCopy ? tensors[i].dtype : job.target_dtype;
        if (!narrower || job.codec == run::Codec::kCopy) continue;
        const double before = tensors[i].statistics ? tensors[i].statistics->max_abs_error : 0.0;
        tensors[i].narrowed_max_abs_error = six_digits(before + static_cast<double>(job.narrowing.max_abs_difference));
        totals.narrowed_max_abs_error =
            std::max(totals.narrowed_max_abs_error.value_or(0.0), *tensors[i].narrowed_max_abs_error);
    }
}

std::string restored_index_text(const state::Sidecar& sidecar, const plan::OutputPlan& plan) {
    std::vector<std::pair<std::string, std::string>> weights;
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < plan.placements.size(); ++i) {
        weights.emplace_back(sidecar.tensors[i].name, plan.files[plan.placements[i].file].name);
        bytes += plan.placements[i].byte_count;
    }
    return checkpoint::index_text_of(checkpoint::with_total_size(sidecar.source_index->metadata, bytes), weights);
}

void write_companions(const state::QuantizedSet& set, const plan::OutputPlan& plan, io::Output& output, bool sync,
                      Report& report) {
    for (const FileReport& companion : set.sidecar.companions) {
        const io::File source = io::File::open_for_reading(set.folder / companion.name);
        io::copy_bytes(source, output.create(companion.name, source.size()), sync);
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
    if (options.write.sha256) io::need_sha256();
    state::QuantizedSet set = state::open_set(run::find_set_folder(path));
    Report report;
    run::Notes notes(options.write);
    Destination destination(output, options, notes.lines);
    const bool single = destination.is_single_file();
    const checkpoint::Family family = checkpoint::assign_kinds(set.sidecar.tensors);
    plan::OutputPlan plan =
        plan::plan_restored(set, options.dtype, single ? std::optional(destination.single_name()) : std::nullopt);
    const std::vector<std::string> names = output_names(plan, set.sidecar, single);
    run::refuse_inputs(destination.folder(), output, names, identities_of(set));

    io::Output& output_files = destination.output();
    output_files.begin();
    io::check_free_space(output_files.building(), destination.target(),
                         run::bytes_needed(plan.files, single ? 0 : state::total_bytes(set.sidecar.companions),
                                           set.sidecar.source_index ? set.stored.size() : 0));
    const std::vector<io::File> files = run::create_files(plan, output_files);
    std::deque<run::BlockJob> blocks;
    std::vector<run::TensorJob> jobs = restore_jobs(set, plan, files, options.dtype, blocks);
    run::run_jobs(jobs, options.write);
    run::sync_files(files, options.write);
    for (const plan::FilePlan& file : plan.files) report.output_files.push_back({file.name, file.byte_count});
    report.totals = state::totals_of(set.sidecar.tensors, set.sidecar.source_sum_of_squares);
    report.totals.source_bytes = state::total_bytes(set.sidecar.files);
    report.totals.output_bytes = state::total_bytes(report.output_files);
    if (!single) write_companions(set, plan, output_files, options.write.sync, report);
    if (options.write.sha256) {
        for (FileReport& file : report.output_files)
            file.sha256 = io::sha256_of(output_files.open(file.name), options.write.stop_requested);
    }
    run::check_stop(options.write);
    destination.publish(names);

    take_results(jobs, set.sidecar.tensors, report.totals);
    std::vector<std::uint64_t> stored_bytes;  // codes and state, as every command counts them
    for (std::size_t i = 0; i < set.stored.size(); ++i) {
        stored_bytes.push_back(set.sidecar.tensors[i].output_bytes);
        set.sidecar.tensors[i].source_bytes = set.sidecar.tensors[i].output_bytes = plan.placements[i].byte_count;
    }
    report.totals.framework_bytes =
        checkpoint::framework_bytes(family, set.sidecar.tensors, checkpoint::Counted::kSource);
    for (std::size_t i = 0; i < set.stored.size(); ++i) set.sidecar.tensors[i].source_bytes = stored_bytes[i];
    if (options.dtype) checkpoint::note_came_quantized(set.sidecar.tensors, set.folder / "config.json", notes.lines);
    report.notes = notes.lines;
    report.input = path.native();
    report.output = output.native();
    report.input_files = set.sidecar.files;
    report.tensors = std::move(set.sidecar.tensors);
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace octet
