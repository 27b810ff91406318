// quantize() into a GGUF file: decide what it holds, lay it out, write the tensors through the pipeline, and the header last, since it holds
// what the writing found out.
#include "commands/quantize_gguf.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include <fmt/format.h>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "checkpoint/checkpoint.hpp"
#include "codecs/copy.hpp"
#include "codecs/encode_rows.hpp"
#include "codecs/run.hpp"
#include "codecs/scan.hpp"
#include "commands/gates.hpp"
#include "commands/gguf_contents.hpp"
#include "commands/jobs.hpp"
#include "commands/output.hpp"
#include "commands/output_name.hpp"
#include "formats/plain_source.hpp"
#include "io/free_space.hpp"
#include "io/output.hpp"
#include "io/sha256.hpp"
#include "octet/error.hpp"
#include "pipeline/piece_checksums.hpp"
#include "plan/importance.hpp"

namespace octet::commands {
namespace {

namespace fs = std::filesystem;

/// True where the values may change on the way.
bool is_lossy(ggml::Type type, Dtype dtype) {
    if (type == ggml::Type::kF32) return dtype == Dtype::kF64;
    return !(type == ggml::Type::kF16 && dtype == Dtype::kF16) && !(type == ggml::Type::kBF16 && dtype == Dtype::kBF16);
}

/// True where the bytes are the source's.
bool is_copy(const gguf::TypedFileTensor& one, Dtype dtype) {
    const bool is_same = (one.type == ggml::Type::kF32 && dtype == Dtype::kF32) ||
                         (!is_lossy(one.type, dtype) && one.type != ggml::Type::kF32);
    return is_same && one.tensor.change == gguf::Change::kNone && one.tensor.factor == 1;
}

codecs::RowsJob rows_job(const gguf::TypedFileTensor& one, const checkpoint::Tensor& source, ggml::Search search) {
    codecs::RowsJob job;
    job.name = source.name;
    job.dtype = source.dtype;
    job.columns = one.tensor.shape.size() < 2 ? 1 : one.tensor.shape.back();
    job.rows = job.columns == 0 ? 0 : element_count(one.tensor.shape).value_or(0) / job.columns;
    if (one.tensor.shape.size() == 1 && one.tensor.head_rows == 0) std::swap(job.rows, job.columns);
    job.type = one.type;
    job.search = search;
    job.is_transposed = one.tensor.change == gguf::Change::kTransposed;
    job.head_rows = one.tensor.head_rows;
    job.keeps_not_finite = one.is_kept;
    job.factor = one.tensor.factor;
    job.addend = one.tensor.addend;
    return job;
}

/// Reads the data once: which tensors hold what no block can.
std::vector<bool> find_not_finite(const checkpoint::Checkpoint& checkpoint, const WriteOptions& options) {
    std::vector<bool> found(checkpoint.tensors.size());
    std::vector<std::uint8_t> flags(found.size());  // one each, as workers set them side by side
    const codecs::TakeResult take = [&](std::size_t i, codecs::TensorResult&& result) {
        flags[i] = result.range.finite ? 0 : 1;
    };
    codecs::TaskList tasks;
    for (std::size_t i = 0; i < found.size(); ++i) {
        const checkpoint::Tensor& tensor = checkpoint.tensors[i];
        if (is_quantizable(tensor.dtype)) tasks.add<codecs::ScanTask>(source_of(checkpoint, i), tensor.dtype, i, take);
    }
    WriteOptions quiet = options;
    quiet.progress = {};
    tasks.run(quiet);
    std::copy(flags.begin(), flags.end(), found.begin());
    return found;
}

/// One run, in the order of its steps.
class GgufRun {
  public:
    GgufRun(const fs::path& input, const fs::path& given, const QuantizeOptions& options)
        : given_(given),
          options_(options),
          links_(io::links_of(options.write.follow_links)),
          checkpoint_(checkpoint::open_checkpoint(input, links_)),
          notes_(options.write) {
        if (options.importance) importance_.emplace(*options.importance);
    }

    Report run() {
        const fs::path target = io::resolved_target(given_);
        if (!options_.split_size) check_target(target);
        contents_ = gguf_contents(checkpoint_, options_, {});
        io::Output output(target, io::Output::Kind::kFile, "", options_.write.sync, notes_.lines);
        output.begin();
        if (options_.on_non_finite == OnNonFinite::kKeep)
            contents_ = gguf_contents(checkpoint_, options_, find_not_finite(checkpoint_, options_.write));
        reports_ = gguf_reports(checkpoint_, contents_);
        note_importance();
        facts_ = {target.filename().native(), std::move(contents_.keys), source_bytes(), options_.split_size};
        layout_ = gguf::lay_out(facts_, contents_.tensors);
        create_files(target, output);
        write_tensors();
        write_headers();
        sync_files(files_, options_.write);
        Report report = make_report(output);
        check_stop(options_.write);
        if (report.written) output.publish_files(names_in_order(), options_.write.force);
        if (report.written) add_notes();
        report.notes = notes_.lines;
        return report;
    }

  private:
    /// The first file appears last: without it nobody reads the others.
    std::vector<std::string> names_in_order() const {
        std::vector<std::string> names;
        for (const gguf::DataFile& file : layout_.files) names.insert(names.begin(), file.name);
        return names;
    }

    void create_files(const fs::path& target, io::Output& output) {
        constexpr std::size_t kMostFiles = 65'535;
        if (layout_.files.size() > kMostFiles)
            throw Error(ErrorCode::kUsage, "--split-size",
                        fmt::format("makes {} files, and GGUF counts up to {}; give a larger one",
                                    with_commas(layout_.files.size()), with_commas(kMostFiles)));
        std::uint64_t bytes = 0;
        for (const gguf::DataFile& file : layout_.files) bytes += file.byte_count;
        for (const gguf::DataFile& file : layout_.files) check_target(target.parent_path() / file.name);
        refuse_inputs(target.parent_path(), given_, names_in_order(), identities());
        io::check_free_space(output.place(), target, bytes);
        output.build(names_in_order());
        for (const gguf::DataFile& file : layout_.files) files_.push_back(output.create(file.name, file.byte_count));
    }

    void check_target(const fs::path& target) const {
        const io::EntryKind kind = io::kind_at(target);
        if (kind == io::EntryKind::kNothing) return;
        const auto refuse = [&](const std::string& what) {
            const bool is_given = target.filename() == given_.filename();
            throw Error(ErrorCode::kUsage, printable(is_given ? given_.native() : target.native()), what);
        };
        if (kind == io::EntryKind::kFolder) refuse("is a folder; name a file");
        if (!options_.write.force) refuse("exists already; --force replaces it");
    }

    std::vector<io::FileIdentity> identities() const {
        std::vector<io::FileIdentity> identities;
        for (const checkpoint::Shard& shard : checkpoint_.shards) identities.push_back(shard.file.identity());
        return identities;
    }

    std::uint64_t source_bytes() const {
        std::uint64_t bytes = 0;
        for (const checkpoint::Shard& shard : checkpoint_.shards) bytes += shard.file.size();
        return bytes;
    }

    pipeline::Stretch target_of(std::size_t number) const {
        const gguf::Place& place = layout_.places[number];
        return {&files_[place.file], place.offset, place.byte_count};
    }

    void write_tensors() {
        const ggml::Search search =
            options_.scheme.range == RangeSearch::kMinMax ? ggml::Search::kMinMax : ggml::Search::kBest;
        results_.resize(contents_.tensors.size());
        const codecs::TakeResult take = [&](std::size_t i, codecs::TensorResult&& result) {
            results_[i] = std::move(result);
        };
        codecs::TaskList tasks;
        for (std::size_t i = 0; i < contents_.tensors.size(); ++i) {
            const gguf::TypedFileTensor& one = contents_.tensors[i];
            if (one.tensor.is_made()) {
                const pipeline::Stretch to = target_of(i);
                to.file->write_at(std::as_bytes(std::span(one.tensor.values)), to.offset);
                continue;
            }
            const checkpoint::Tensor& source = checkpoint_.tensors[one.tensor.source];
            const pipeline::Stretch from = source_of(checkpoint_, one.tensor.source);
            if (is_copy(one, source.dtype)) {
                tasks.add<codecs::CopyTask>(from, target_of(i), i, take);
            } else {
                codecs::RowsJob job = rows_job(one, source, search);
                job.weights = weights_of(one, source);
                tasks.add<codecs::EncodeRowsTask>(job, from, target_of(i), i, take);
            }
        }
        tasks.run(options_.write);
    }

    /// Of a tensor whose blocks are searched.
    const float* weights_of(const gguf::TypedFileTensor& one, const checkpoint::Tensor& source) const {
        if (!importance_ || ggml::traits_of(one.type).block_elements == 1) return nullptr;
        const std::vector<float>* const weights = importance_->weights_of_inputs(source.name, one.tensor.row());
        return weights == nullptr ? nullptr : weights->data();
    }

    /// As llama.cpp notes it.
    void note_importance() {
        if (!importance_) return;
        importance_->check_names(formats::tensors_of(checkpoint_));
        contents_.keys.push_back({"quantize.imatrix.file", options_.importance->filename().native()});
        contents_.keys.push_back({"quantize.imatrix.entries_count", static_cast<std::uint32_t>(importance_->size())});
    }

    /// What nobody hashed on the way is read again.
    std::vector<Checksum> checksums() {
        std::vector<pipeline::Region> regions;
        for (std::size_t i = 0; i < results_.size(); ++i)
            regions.push_back({target_of(i), std::move(results_[i].stored_pieces)});
        WriteOptions quiet = options_.write;
        quiet.progress = {};
        return pipeline::piece_checksums(regions, quiet);
    }

    void write_headers() {
        const std::vector<Checksum> known = checksums();
        std::vector<gguf::TensorRecord> records;
        for (std::size_t i = 0; i < results_.size(); ++i) {
            const std::uint64_t elements = element_count(reports_[i].shape).value_or(0);
            const TensorStatistics figures =
                quant::tensor_statistics(results_[i].sums, elements, results_[i].sums.max_abs_error);
            const bool counts =
                !contents_.tensors[i].tensor.is_made() && is_lossy(contents_.tensors[i].type, reports_[i].dtype);
            if (counts) reports_[i].statistics = figures;
            reports_[i].stored_checksum = known[i];
            records.push_back({known[i], figures.sqnr_db, figures.rmse, figures.max_abs_error});
        }
        for (std::size_t i = 0; i < files_.size(); ++i) {
            const std::string header = gguf::header_of(layout_, i, facts_, contents_.tensors, records);
            files_[i].write_at(io::bytes_of(header), 0);
        }
    }

    Totals totals() const {
        Totals totals;
        std::uint64_t elements = 0;
        std::uint64_t bytes = 0;
        quant::ErrorSums sums;
        for (std::size_t i = 0; i < reports_.size(); ++i) {
            const std::uint64_t own = element_count(reports_[i].shape).value_or(0);
            ++totals.tensors;
            totals.parameters += own;
            totals.framework_bytes += reports_[i].output_bytes;
            if (!reports_[i].statistics) continue;
            ++totals.quantized;
            elements += own;
            bytes += reports_[i].output_bytes;
            sums.merge(results_[i].sums);
        }
        totals.kept = totals.tensors - totals.quantized;
        totals.source_bytes = facts_.source_bytes;
        for (const gguf::DataFile& file : layout_.files) totals.output_bytes += file.byte_count;
        if (totals.quantized == 0) return totals;
        if (elements > 0)
            totals.bits_per_weight = six_digits(8.0 * static_cast<double>(bytes) / static_cast<double>(elements));
        const TensorStatistics figures = quant::tensor_statistics(sums, elements, sums.max_abs_error);
        totals.sqnr_db = figures.sqnr_db;
        totals.max_abs_error = figures.max_abs_error;
        return totals;
    }

    Report make_report(const io::Output& output) {
        Report report;
        report.format = "gguf";
        report.totals = totals();
        report.tensors = std::move(reports_);
        for (const checkpoint::Shard& shard : checkpoint_.shards)
            report.input_files.push_back({shard.base_name, shard.file.size()});
        for (const gguf::DataFile& file : layout_.files) {
            report.output_files.push_back({file.name, file.byte_count});
            if (options_.write.sha256)
                report.output_files.back().sha256 =
                    io::sha256_of(output.open(file.name), options_.write.stop_requested);
        }
        report.checks = check_gates(options_.gates, report);
        if (options_.no_fallback) report.checks.push_back(check_fallbacks(report));
        report.written = options_.keep_on_failure || all_passed(report.checks);
        return report;
    }

    Check check_fallbacks(const Report& report) const {
        Check check{"no-fallback", 0, 0, true, "every tensor has the type that was asked for"};
        for (std::size_t i = 0; i < contents_.tensors.size(); ++i) {
            if (!contents_.tensors[i].is_fallback) continue;
            if (check.value == 0)
                check.detail =
                    fmt::format("tensor {}: {}", in_quotes(report.tensors[i].name), report.tensors[i].reason);
            check.value += 1;
        }
        check.passed = check.value == 0;
        if (check.value > 1) check.detail += fmt::format(", and {} more", check.value - 1);
        return check;
    }

    void add_notes() {
        std::size_t fallbacks = 0;
        for (const gguf::TypedFileTensor& one : contents_.tensors) fallbacks += one.is_fallback ? 1 : 0;
        if (fallbacks > 0)
            notes_.lines.push_back(
                fmt::format("{} of {} have another type than was asked for, as their rows are no "
                            "whole blocks; --verbose and --json name them",
                            fallbacks, counted(contents_.tensors.size(), "tensor")));
        if (!contents_.arrangement.left_out.empty()) {
            const gguf::LeftOutTensor& first = contents_.arrangement.left_out.front();
            const std::size_t more = contents_.arrangement.left_out.size() - 1;
            notes_.lines.push_back(fmt::format("left out {}{}: {}", in_quotes(checkpoint_.tensors[first.source].name),
                                               more > 0 ? fmt::format(" and {} more", more) : "", first.why));
        }
        notes_.lines.insert(notes_.lines.end(), contents_.notes.begin(), contents_.notes.end());
        notes_.lines.insert(notes_.lines.end(), checkpoint_.notes.begin(), checkpoint_.notes.end());
    }

    const fs::path given_;
    const QuantizeOptions& options_;
    const io::Links links_;
    const checkpoint::Checkpoint checkpoint_;
    Notes notes_;
    std::optional<plan::Importance> importance_;
    GgufContents contents_;
    std::vector<TensorReport> reports_;
    gguf::FileFacts facts_;
    gguf::Layout layout_;
    std::vector<io::File> files_;
    std::vector<codecs::TensorResult> results_;
};

}  // namespace

Report quantize_gguf(const fs::path& input, const fs::path& output, const QuantizeOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    check_limits(options.gates);
    check_gguf_options(options);
    check_gguf_name(output);
    if (options.write.sha256) io::need_sha256();
    Report report = GgufRun(input, output, options).run();
    report.input = input.native();
    report.output = output.native();
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace octet::commands
