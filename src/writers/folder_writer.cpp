// The steps of a folder, in the order of the run; and what tasks find out, which goes straight into
// the reports of their tensors.
#include "writers/folder_writer.hpp"

#include <algorithm>
#include <mutex>
#include <optional>

#include "base/json_text.hpp"
#include "checkpoint/declared_method.hpp"
#include "checkpoint/index.hpp"
#include "checkpoint/kind.hpp"
#include "codecs/copy.hpp"
#include "codecs/quantize.hpp"
#include "formats/folder_report.hpp"
#include "formats/octet_set/totals.hpp"
#include "io/held_folder.hpp"
#include "io/sha256.hpp"
#include "io/tuning/large_buffer.hpp"
#include "octet/octet.hpp"
#include "pipeline/piece_checksums.hpp"
#include "quant/storage_layout.hpp"
#include "survey/choose_schemes.hpp"
#include "survey/equal_ties.hpp"
#include "survey/jobs.hpp"
#include "writers/file_checksums.hpp"

namespace octet::writers {

/// Takes what tasks find out over into the reports, from any worker. A hundred thousand results
/// would take more room than what they come to.
class FolderWriter::Results {
  public:
    /// `set`: what is repackaged, whose figures stay, or null.
    Results(const checkpoint::Checkpoint& checkpoint, const Target& target,
            const octet_set::Sidecar* set, std::vector<TensorReport>& tensors)
        : checkpoint_(checkpoint),
          target_(target),
          set_(set),
          tensors_(tensors),
          signals_(tensors.size()) {}

    void take(std::size_t number, codecs::TensorResult&& result) {
        TensorReport& tensor = tensors_[number];
        if (set_ == nullptr)
            take_checksum(survey::source_of(checkpoint_, number), std::move(result.source_pieces),
                          tensor.source_checksum);
        take_checksum(target_.stretch_of(number), std::move(result.stored_pieces),
                      tensor.stored_checksum);
        if (!tensor.scheme || set_ != nullptr) return;
        const std::uint64_t elements = element_count(tensor.shape).value_or(0);
        tensor.statistics = quant::tensor_statistics(result.sums, elements, result.bound);
        signals_[number] = result.sums.signal;
        if (quant::has_state_tensors(*tensor.scheme)) return;
        tensor.scale = result.state.scale;
        if (!tensor.scheme->symmetric) tensor.zero_point = result.state.zero_point;
    }

    /// Hashes what nobody hashed on the way, and gives tied tensors what the others have. Returns
    /// the sum of squares of the quantized values.
    double finish(const WriteOptions& options) {
        WriteOptions quiet = options;  // the progress of a run is that of its source
        quiet.progress = {};
        const std::vector<Checksum> checksums = pipeline::piece_checksums(unknown_, quiet);
        for (std::size_t i = 0; i < checksums.size(); ++i) *places_[i] = checksums[i];
        octet_set::resolve_ties(tensors_);
        if (set_ != nullptr) return set_->source_sum_of_squares;
        quant::WideSum sum_of_squares;
        for (const quant::WideSum& signal : signals_) sum_of_squares += signal;
        return six_digits(sum_of_squares.as_double());
    }

  private:
    void take_checksum(const pipeline::Stretch& stretch, pipeline::PieceChecksums&& pieces,
                       std::optional<Checksum>& checksum) {
        checksum = pipeline::checksum_of(pieces);
        if (checksum) return;
        const std::lock_guard lock(mutex_);
        unknown_.push_back({stretch, std::move(pieces)});
        places_.push_back(&checksum);
    }

    const checkpoint::Checkpoint& checkpoint_;
    const Target target_;
    const octet_set::Sidecar* set_;
    std::vector<TensorReport>& tensors_;
    std::vector<quant::WideSum> signals_;  // in their order, as sums are formed in one
    std::mutex mutex_;
    std::vector<pipeline::Region> unknown_;
    std::vector<std::optional<Checksum>*> places_;
};

FolderWriter::FolderWriter(const Order& order, const FolderKind& kind)
    : order_(order), kind_(kind) {}

FolderWriter::~FolderWriter() = default;

Place FolderWriter::place() const {
    return {io::Output::Kind::kFolder, std::string(kind_.last_file), std::string(kind_.noun)};
}

void FolderWriter::decide() {
    companions_ = checkpoint::find_companions(checkpoint(), options().companions, order_.links);
    if (set() != nullptr) return fit_all();
    inputs_ = survey::code_inputs(options());
    decide_with({}, {});
}

/// What the set decided. Tensors that it stores once are each on their own here, as engines want
/// every name.
void FolderWriter::fit_all() {
    decisions_.tensors = set()->tensors;
    for (TensorReport& tensor : decisions_.tensors) {
        tensor.same_as = RareText();
        fit(tensor);
    }
    check_schemes(decisions_.tensors);
}

void FolderWriter::decide_with(const std::vector<bool>& keep,
                               const std::vector<std::optional<Scheme>>& chosen) {
    decisions_ = {};  // not both at a time
    decisions_ = plan::decide(checkpoint(), inputs_.options, keep, chosen);
    adapt(decisions_);
    check_schemes(decisions_.tensors);
}

WriteOptions FolderWriter::examine() {
    std::vector<bool> keep;
    if (set() == nullptr && options().on_non_finite == OnNonFinite::kKeep) {
        WriteOptions quiet = options().write;
        quiet.progress = {};
        keep = survey::find_not_finite(checkpoint(), decisions_.tensors, inputs_.importance.get(),
                                       quiet);
        decide_with(keep, {});
    }
    if (inputs_.importance) inputs_.importance->check(decisions_.tensors);
    WriteOptions writing = options().write;
    if (plan::asks_planner(inputs_.options)) choose(keep, writing);
    findings_.kept = survey::numbers_of(keep);
    if (kind_.stores_ties_once)
        findings_.tied = survey::find_ties(checkpoint(), decisions_.tensors, options().write);
    settle();
    return writing;
}

void FolderWriter::take_findings(const survey::Findings& findings) {
    survey::check_findings(findings, checkpoint().tensors.size());
    findings_ = findings;
    if (!findings.kept.empty() || !findings.chosen.empty())
        decide_with(survey::flags_of(findings.kept, checkpoint().tensors.size()), findings.chosen);
    if (inputs_.importance) inputs_.importance->check(decisions_.tensors);
    settle();
}

/// All is decided: what each tensor becomes, and what stands in texts about them.
void FolderWriter::settle() {
    tensors_ = std::move(decisions_.tensors);
    decisions_ = {};  // the reasons of a hundred thousand tensors take room, too
    survey::tie(findings_.tied, tensors_);
    texts_ = text_files();
}

/// The planner's choice; `writing` then reports its progress behind that of measuring.
void FolderWriter::choose(const std::vector<bool>& keep, WriteOptions& writing) {
    std::uint64_t source_bytes = 0;
    for (const checkpoint::Tensor& tensor : checkpoint().tensors) source_bytes += tensor.byte_count;
    const std::uint64_t measured_bytes = survey::bytes_to_measure(checkpoint(), decisions_);
    const Progress progress = writing.progress;
    const auto part_from = [&](std::uint64_t before) -> Progress {
        if (!progress) return {};
        return [=, total = measured_bytes + source_bytes](std::uint64_t done, std::uint64_t) {
            progress(before + done, total);
        };
    };
    writing.progress = part_from(0);
    const plan::Plan choice =
        survey::make_choice(format(), checkpoint(), decisions_, inputs_.options,
                            inputs_.importance.get(), writing)
            .plan;
    decide_with(keep, choice.chosen);
    findings_.chosen = choice.chosen;
    writing.progress = part_from(measured_bytes);
    if (decisions_.tensors.size() >= kManyTensors) io::give_back_freed_memory();
}

formats::OutputPlan FolderWriter::lay_out() {
    return formats::lay_out(format(), checkpoint(), tensors_);
}

std::vector<std::string> FolderWriter::file_names(const formats::OutputPlan& plan) const {
    std::vector<std::string> names;
    for (const formats::FilePlan& file : plan.files) names.push_back(file.name);
    for (const checkpoint::Companion& companion : companions_.copied) {
        if (!is_rewritten(companion.name)) names.push_back(companion.name);
    }
    for (const TextFile& text : texts_) names.push_back(text.name);
    if (checkpoint().index) names.emplace_back(kind_.index_file);
    names.emplace_back(kind_.last_file);
    return names;
}

std::uint64_t FolderWriter::bytes_needed(const formats::OutputPlan& plan) const {
    std::uint64_t beside = checkpoint::total_bytes(companions_);
    for (const TextFile& text : texts_) beside += text.text.size();
    return formats::bytes_needed(plan.files, beside, tensors_.size());
}

void FolderWriter::add_task(std::size_t number, const pipeline::Stretch& target,
                            const codecs::TakeResult& take, codecs::TaskList& tasks) {
    const pipeline::Stretch source = survey::source_of(checkpoint(), number);
    const std::optional<Scheme>& scheme = tensors_[number].scheme;
    if (!scheme) return tasks.add<codecs::CopyTask>(source, target, number, take);
    tasks.add<codecs::QuantizeTask>(
        survey::quantize_job(checkpoint(), number, *scheme, inputs_.importance.get()), source,
        target, format(), number, take);
}

pipeline::Stretch FolderWriter::source_of(std::size_t number) const {
    if (!tensors_[number].same_as.empty()) return {};
    return survey::source_of(checkpoint(), number);
}

codecs::RepackJob FolderWriter::repack_job(std::size_t number) const {
    const TensorReport& stored = tensors_[number];
    codecs::RepackJob job{*set()->tensors[number].scheme, *stored.scheme, stored.name, stored.shape,
                          format()};
    job.to.axis = OutputAxis::k0;
    return job;
}

void FolderWriter::add_tasks(const Target& target, const TensorRun& wanted,
                             const codecs::TakeResult& take, codecs::TaskList& tasks) {
    results_ = std::make_unique<Results>(checkpoint(), target, set(), tensors_);
    tasks.reserve(wanted.end - wanted.first);
    for (std::size_t i = wanted.first; i < wanted.end; ++i) {
        if (!tensors_[i].same_as.empty()) continue;
        const pipeline::Stretch to = target.stretch_of(i);
        if (set() == nullptr || !tensors_[i].scheme) {
            add_task(i, to, take, tasks);
        } else {
            tasks.add<codecs::RepackTask>(repack_job(i), survey::source_of(checkpoint(), i), to, i,
                                          take);
        }
    }
}

void FolderWriter::take_result(std::size_t number, codecs::TensorResult&& result) {
    results_->take(number, std::move(result));
}

void FolderWriter::complete(const Target& /*target*/,
                            std::vector<pipeline::PieceChecksums> pieces) {
    sum_of_squares_ = results_->finish(options().write);
    results_.reset();
    pieces_ = std::move(pieces);
}

Report FolderWriter::finish(const Target& target, io::Output& output) {
    FolderContents contents;
    for (const checkpoint::Shard& shard : checkpoint().shards)
        contents.source_files.push_back({shard.base_name, shard.file.size()});
    contents.tensors = std::move(tensors_);
    contents.source_framework_bytes =
        checkpoint::framework_bytes(checkpoint::detect_family(contents.tensors), contents.tensors,
                                    checkpoint::Counted::kSource);
    contents.sum_of_squares = sum_of_squares_;
    for (const formats::FilePlan& file : target.plan.files)
        contents.files.push_back({file.name, file.byte_count});
    hash_files(contents.files, target.files, std::move(pieces_), options().write);
    contents.companions = write_companions(output);
    add_sha256(contents.files, output, options().write);
    add_sha256(contents.companions, output, options().write);
    if (checkpoint().index) contents.index = write_index(target.plan, contents.tensors, output);
    const std::uint64_t last_bytes = write_last(contents, output);
    Report report = report_of(std::move(contents), last_bytes);
    add_sha256(report.output_files, output, options().write);
    return report;
}

bool FolderWriter::is_rewritten(std::string_view companion) const {
    return std::any_of(texts_.begin(), texts_.end(),
                       [&](const TextFile& text) { return text.name == companion; });
}

/// Copies companions, writes texts, and hashes what was written.
std::vector<FileReport> FolderWriter::write_companions(io::Output& output) const {
    std::vector<FileReport> written;
    const auto hash = [&](const io::File& file, const std::string& name) {
        written.push_back(pipeline::whole_file_checksum(file));
        written.back().name = name;
    };
    const bool sync = options().write.sync;
    for (const checkpoint::Companion& companion : companions_.copied) {
        if (is_rewritten(companion.name)) continue;
        const io::File source = io::File::open_for_reading(companion.path);
        const io::File copy = output.create(companion.name, source.size());
        io::copy_bytes(source, copy, sync);
        hash(copy, companion.name);
    }
    for (const TextFile& text : texts_) {
        const io::File file = output.create(text.name, text.text.size());
        io::write_text(file, text.text, sync);
        hash(file, text.name);
    }
    return written;
}

/// Every part of every tensor by its name.
FileReport FolderWriter::write_index(const formats::OutputPlan& plan,
                                     const std::vector<TensorReport>& tensors,
                                     io::Output& output) const {
    std::vector<std::pair<std::string, std::string>> weights;
    const formats::NameOfPart name_of = format().part_names(tensors);
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        bytes += plan.placements[i].byte_count;
        if (!tensors[i].same_as.empty()) continue;
        for (const quant::StoredPart& part : format().parts_of(tensors[i], tensors[i].scheme))
            weights.emplace_back(name_of(tensors[i].name, part.suffix),
                                 plan.files[plan.placements[i].file].name);
    }
    const std::string text = checkpoint::index_text_of(
        checkpoint::with_total_size(checkpoint().index->metadata, bytes), weights);
    const io::File file = output.create(std::string(kind_.index_file), text.size());
    io::write_text(file, text, options().write.sync);
    FileReport written = pipeline::whole_file_checksum(file);
    written.name = kind_.index_file;
    return written;
}

Report FolderWriter::report_of(FolderContents contents, std::uint64_t last_bytes) const {
    Report report;
    report.format = kind_.report_name;
    report.totals = octet_set::totals_of(contents.tensors, contents.sum_of_squares);
    report.totals.source_bytes = octet_set::total_bytes(contents.source_files);
    report.totals.output_bytes = octet_set::total_bytes(contents.files);
    report.totals.source_framework_bytes = contents.source_framework_bytes;
    report.totals.framework_bytes =
        checkpoint::framework_bytes(checkpoint::detect_family(contents.tensors), contents.tensors,
                                    checkpoint::counted_as(options().preset));
    report.output_files = std::move(contents.files);
    if (contents.index)
        report.output_files.push_back({contents.index->name, contents.index->byte_count});
    report.output_files.push_back({std::string(kind_.last_file), last_bytes});
    report.output_files.insert(report.output_files.end(), contents.companions.begin(),
                               contents.companions.end());
    for (const FileReport& companion : contents.companions)
        report.companions.push_back(companion.name);
    report.input_files = std::move(contents.source_files);
    report.tensors = std::move(contents.tensors);
    report.left_out = companions_.left_out;
    return report;
}

std::vector<std::string> FolderWriter::names_of_old(const std::filesystem::path& folder) const {
    return formats::file_names_of(io::read_held(folder, [&](const io::HeldFolder& held) {
        return formats::read_folder_report(held, order_.links);
    }));
}

std::uint64_t FolderWriter::write_last(FolderContents& contents, io::Output& output) {
    formats::FolderReport report;
    report.generator = "octet " + std::string(version());
    report.format = kind_.report_name;
    report.tensors = contents.tensors.size();
    report.source_files = contents.source_files;
    report.files = contents.files;
    report.companions = contents.companions;
    if (contents.index) report.companions.push_back(*contents.index);
    const std::string text = formats::folder_report_text(report);
    io::write_text(output.create(std::string(kind_.last_file), text.size()), text,
                   options().write.sync);
    return text.size();
}

void FolderWriter::add_notes(const Report& report, std::vector<std::string>& lines) const {
    lines.insert(lines.end(), checkpoint().notes.begin(), checkpoint().notes.end());
    if (std::string line = checkpoint::left_out_line(report.left_out); !line.empty())
        lines.push_back(std::move(line));
    checkpoint::note_came_quantized(report.tensors,
                                    checkpoint::config_of(checkpoint(), order_.links), lines);
}

}  // namespace octet::writers
