// The steps of a GGUF file, in the order of the run; see the header.
#include "writers/gguf/gguf_writer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "codecs/copy.hpp"
#include "codecs/encode_rows.hpp"
#include "io/sha256.hpp"
#include "octet/error.hpp"
#include "pipeline/piece_checksums.hpp"
#include "pipeline/workers.hpp"
#include "survey/jobs.hpp"
#include "writers/gguf/choose_types.hpp"
#include "writers/gguf/jobs.hpp"
#include "writers/output_name.hpp"

namespace octet::writers {
namespace {

namespace fs = std::filesystem;

}  // namespace

void check_gguf(const QuantizeOptions& options, const fs::path& given) {
    check_gguf_options(options);
    check_gguf_name(given);
}

GgufWriter::GgufWriter(const Order& order) : order_(order) {
    if (order_.options.importance) importance_.emplace(*order_.options.importance);
}

Place GgufWriter::place() const {
    return {io::Output::Kind::kFile, "", "", !order_.options.split_size};
}

std::vector<std::string> GgufWriter::names_of_old(const fs::path& /*folder*/) const {
    return {};
}

void GgufWriter::decide() {
    contents_ = gguf_contents(order_.checkpoint, order_.options, {});
}

WriteOptions GgufWriter::examine() {
    const WriteOptions& options = order_.options.write;
    survey::Findings findings;
    if (order_.options.on_non_finite == OnNonFinite::kKeep)
        findings.kept = survey::numbers_of(not_finite_tensors(order_.checkpoint, options));
    use(findings);
    WriteOptions writing = options;
    if (plans_types(order_.options)) choose_types(writing);
    reports_ = gguf_reports(order_.checkpoint, contents_);
    return writing;
}

void GgufWriter::take_findings(const survey::Findings& findings) {
    survey::check_findings(findings, order_.checkpoint.tensors.size());
    use(findings);
    reports_ = gguf_reports(order_.checkpoint, contents_);
}

void GgufWriter::use(const survey::Findings& findings) {
    findings_ = findings;
    if (!findings.kept.empty())
        contents_ =
            gguf_contents(order_.checkpoint, order_.options,
                          survey::flags_of(findings.kept, order_.checkpoint.tensors.size()));
    if (importance_)
        add_importance_keys(*importance_, *order_.options.importance, order_.checkpoint,
                            contents_.keys);
}

std::uint64_t GgufWriter::source_bytes() const {
    std::uint64_t bytes = 0;
    for (const checkpoint::Shard& shard : order_.checkpoint.shards) bytes += shard.file.size();
    return bytes;
}

/// The planner's choice; writing then reports its progress behind that of measuring.
void GgufWriter::choose_types(WriteOptions& writing) {
    const std::string name = io::resolved_target(order_.given).filename().native();
    const gguf::FileFacts facts{name, contents_.keys, source_bytes(), order_.options.split_size};
    const std::uint64_t measured = bytes_to_measure(order_.checkpoint, contents_, order_.options);
    const std::uint64_t total = measured + source_bytes();
    WriteOptions measuring = writing;
    measuring.progress = pipeline::part_of(writing.progress, 0, total);
    const TypeChoice choice = make_type_choice(order_.checkpoint, contents_, facts, importance(),
                                               order_.options, measuring);
    set_types(choice.plan, contents_);
    writing.progress = pipeline::part_of(writing.progress, measured, total);
}

formats::OutputPlan GgufWriter::lay_out() {
    constexpr std::size_t kMostFiles = 65'535;
    const fs::path target = io::resolved_target(order_.given);
    facts_ = {target.filename().native(), std::move(contents_.keys), source_bytes(),
              order_.options.split_size};
    layout_ = gguf::lay_out(facts_, contents_.tensors);
    if (layout_.files.size() > kMostFiles)
        throw Error(ErrorCode::kUsage, "--split-size",
                    fmt::format("makes {} files, and GGUF counts up to {}; give a larger one",
                                with_commas(layout_.files.size()), with_commas(kMostFiles)));
    formats::OutputPlan plan;
    for (const gguf::DataFile& file : layout_.files)
        plan.files.push_back({file.name, file.byte_count});
    for (const gguf::Place& place : layout_.places)
        plan.placements.push_back({place.file, place.offset, place.byte_count});
    return plan;
}

/// The first file appears last: without it nobody reads the others.
std::vector<std::string> GgufWriter::file_names(const formats::OutputPlan& plan) const {
    std::vector<std::string> names;
    for (const formats::FilePlan& file : plan.files) names.insert(names.begin(), file.name);
    return names;
}

std::uint64_t GgufWriter::bytes_needed(const formats::OutputPlan& plan) const {
    return formats::bytes_needed(plan.files, 0, 0);
}

pipeline::Stretch GgufWriter::source_of(std::size_t number) const {
    const gguf::FileTensor& tensor = contents_.tensors[number].tensor;
    if (tensor.is_made()) return {};
    return survey::source_of(order_.checkpoint, tensor.source);
}

void GgufWriter::add_tasks(const Target& target, const TensorRun& wanted,
                           const codecs::TakeResult& take, codecs::TaskList& tasks) {
    results_.resize(contents_.tensors.size());
    for (std::size_t i = wanted.first; i < wanted.end; ++i) add_task(i, target, take, tasks);
}

void GgufWriter::take_result(std::size_t number, codecs::TensorResult&& result) {
    results_[number] = std::move(result);
}

void GgufWriter::add_task(std::size_t number, const Target& target, const codecs::TakeResult& take,
                          codecs::TaskList& tasks) {
    const gguf::TypedFileTensor& one = contents_.tensors[number];
    const pipeline::Stretch to = target.stretch_of(number);
    if (one.tensor.is_made())
        return to.file->write_at(std::as_bytes(std::span(one.tensor.values)), to.offset);
    const checkpoint::Tensor& source = order_.checkpoint.tensors[one.tensor.source];
    const pipeline::Stretch from = survey::source_of(order_.checkpoint, one.tensor.source);
    if (is_copy(one, source.dtype)) return tasks.add<codecs::CopyTask>(from, to, number, take);
    const codecs::RowsJob job = rows_job(one, source, importance(), order_.options);
    tasks.add<codecs::EncodeRowsTask>(job, from, to, number, take);
}

void GgufWriter::complete(const Target& target, std::vector<pipeline::PieceChecksums> /*pieces*/) {
    const std::vector<gguf::TensorRecord> records = take_figures(checksums(target));
    for (std::size_t i = 0; i < target.files.size(); ++i) {
        const std::string header = gguf::header_of(layout_, i, facts_, contents_.tensors, records);
        target.files[i].write_at(io::bytes_of(header), 0);
    }
}

/// What nobody hashed on the way is read again.
std::vector<Checksum> GgufWriter::checksums(const Target& target) {
    std::vector<pipeline::Region> regions;
    for (std::size_t i = 0; i < results_.size(); ++i)
        regions.push_back({target.stretch_of(i), std::move(results_[i].stored_pieces)});
    WriteOptions quiet = order_.options.write;
    quiet.progress = {};
    return pipeline::piece_checksums(regions, quiet);
}

/// What was found out of each tensor goes to its report and to the file.
std::vector<gguf::TensorRecord> GgufWriter::take_figures(const std::vector<Checksum>& known) {
    std::vector<gguf::TensorRecord> records;
    for (std::size_t i = 0; i < results_.size(); ++i) {
        const std::uint64_t elements = element_count(reports_[i].shape).value_or(0);
        const TensorStatistics figures =
            quant::tensor_statistics(results_[i].sums, elements, results_[i].sums.max_abs_error);
        const bool counts = !contents_.tensors[i].tensor.is_made() &&
                            is_lossy(contents_.tensors[i].type, reports_[i].dtype);
        if (counts) reports_[i].statistics = figures;
        reports_[i].stored_checksum = known[i];
        records.push_back({known[i], figures.sqnr_db, figures.rmse, figures.max_abs_error});
    }
    return records;
}

Report GgufWriter::finish(const Target& target, io::Output& output) {
    Report report;
    report.format = "gguf";
    report.totals = totals();
    report.tensors = std::move(reports_);
    for (const checkpoint::Shard& shard : order_.checkpoint.shards)
        report.input_files.push_back({shard.base_name, shard.file.size()});
    for (const formats::FilePlan& file : target.plan.files) {
        report.output_files.push_back({file.name, file.byte_count});
        if (order_.options.write.sha256)
            report.output_files.back().sha256 =
                io::sha256_of(output.open(file.name), order_.options.write.stop_requested);
    }
    return report;
}

Totals GgufWriter::totals() const {
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
        totals.bits_per_weight =
            six_digits(8.0 * static_cast<double>(bytes) / static_cast<double>(elements));
    const TensorStatistics figures = quant::tensor_statistics(sums, elements, sums.max_abs_error);
    totals.sqnr_db = figures.sqnr_db;
    totals.max_abs_error = figures.max_abs_error;
    return totals;
}

void GgufWriter::add_checks(Report& report) const {
    if (!order_.options.no_fallback) return;
    Check check{"no-fallback", 0, 0, true, "every tensor has the type that was asked for"};
    for (std::size_t i = 0; i < contents_.tensors.size(); ++i) {
        if (!contents_.tensors[i].is_fallback) continue;
        if (check.value == 0)
            check.detail = fmt::format("tensor {}: {}", in_quotes(report.tensors[i].name),
                                       report.tensors[i].reason);
        check.value += 1;
    }
    check.passed = check.value == 0;
    if (check.value > 1) check.detail += fmt::format(", and {} more", check.value - 1);
    report.checks.push_back(std::move(check));
}

void GgufWriter::add_notes(const Report& /*report*/, std::vector<std::string>& lines) const {
    std::size_t fallbacks = 0;
    for (const gguf::TypedFileTensor& one : contents_.tensors) fallbacks += one.is_fallback ? 1 : 0;
    if (fallbacks > 0)
        lines.push_back(
            fmt::format("{} of {} have another type than was asked for, as their rows are no "
                        "whole blocks; --verbose and --json name them",
                        fallbacks, counted(contents_.tensors.size(), "tensor")));
    if (!contents_.arrangement.left_out.empty()) {
        const gguf::LeftOutTensor& first = contents_.arrangement.left_out.front();
        const std::size_t more = contents_.arrangement.left_out.size() - 1;
        lines.push_back(fmt::format("left out {}{}: {}",
                                    in_quotes(order_.checkpoint.tensors[first.source].name),
                                    more > 0 ? fmt::format(" and {} more", more) : "", first.why));
    }
    lines.insert(lines.end(), contents_.notes.begin(), contents_.notes.end());
    lines.insert(lines.end(), order_.checkpoint.notes.begin(), order_.checkpoint.notes.end());
}

}  // namespace octet::writers
