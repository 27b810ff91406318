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
#include "commands/choose_gguf_types.hpp"
#include "commands/gates.hpp"
#include "commands/gguf_contents.hpp"
#include "commands/gguf_jobs.hpp"
#include "commands/jobs.hpp"
#include "commands/output.hpp"
#include "commands/output_name.hpp"
#include "formats/plain_source.hpp"
#include "io/free_space.hpp"
#include "io/output.hpp"
#include "io/sha256.hpp"
#include "octet/error.hpp"
#include "pipeline/piece_checksums.hpp"
#include "pipeline/workers.hpp"
#include "plan/importance.hpp"

namespace octet::commands {
namespace {

namespace fs = std::filesystem;

/// One run, in the order of its steps.
class GgufRun {
  public:
    GgufRun(const fs::path& input, const fs::path& given, const QuantizeOptions& options)
        : given_(given),
          options_(options),
          links_(io::links_of(options.write.follow_links)),
          checkpoint_(checkpoint::open_checkpoint(input, links_)),
          writing_(options.write),
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
            contents_ = gguf_contents(checkpoint_, options_, not_finite_tensors(checkpoint_, options_.write));
        note_importance();
        if (plans_types(options_)) choose_types(target.filename().native());
        reports_ = gguf_reports(checkpoint_, contents_);
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
                const codecs::RowsJob job = rows_job(one, source, importance(), options_);
                tasks.add<codecs::EncodeRowsTask>(job, from, target_of(i), i, take);
            }
        }
        tasks.run(writing_);
    }

    const plan::Importance* importance() const { return importance_ ? &*importance_ : nullptr; }

    /// The planner's choice; writing then reports its progress behind that of measuring.
    void choose_types(const std::string& name) {
        const gguf::FileFacts facts{name, contents_.keys, source_bytes(), options_.split_size};
        const std::uint64_t measured = bytes_to_measure(checkpoint_, contents_, options_);
        const std::uint64_t total = measured + source_bytes();
        WriteOptions measuring = options_.write;
        measuring.progress = pipeline::part_of(options_.write.progress, 0, total);
        set_types(make_type_choice(checkpoint_, contents_, facts, importance(), options_, measuring).plan, contents_);
        writing_.progress = pipeline::part_of(options_.write.progress, measured, total);
    }

    /// As llama.cpp notes it.
    void note_importance() {
        if (!importance_) return;
        add_importance_keys(*importance_, *options_.importance, checkpoint_, contents_.keys);
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
    WriteOptions writing_;  ///< with the rest of the progress
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
