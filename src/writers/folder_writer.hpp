// A format that is a folder of safetensors files: the checkpoint's shards under other names,
// companions, an index where the source had one, text files of the format's own, and last the file
// that lists all others with their checksums and so makes the folder what it is.
//
// All of it is here but what formats differ in: the names and bytes of tensors (formats::Format),
// the schemes that have a place, the texts, and the last file. Tensors are decided by presets,
// schemes, rules and the planner, as `octet plan` shows them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/companions.hpp"
#include "codecs/repack.hpp"
#include "plan/decide.hpp"
#include "survey/examine_values.hpp"
#include "writers/writer.hpp"

namespace octet::writers {

/// What such a format says of itself. Texts outlive the writer.
struct FolderKind {
    std::string_view noun;         ///< for messages: "set"
    std::string_view index_file;   ///< of a checkpoint that has an index
    std::string_view last_file;    ///< which makes a folder one of these
    std::string_view report_name;  ///< Report::format; empty of octet's own
    bool stores_ties_once = true;  ///< tensors that are tied and equal are stored under one name
};

struct TextFile {
    std::string name;
    std::string text;
};

/// What the folder holds, once all but its last file is written.
struct FolderContents {
    std::vector<FileReport> source_files;  ///< shard by shard
    std::uint64_t source_framework_bytes = 0;
    std::vector<FileReport> files;       ///< data files, with their checksums
    std::vector<FileReport> companions;  ///< copies and texts, with their checksums
    std::optional<FileReport> index;     ///< of several data files
    std::vector<TensorReport>
        tensors;                ///< parallel to the checkpoint's; results and checksums filled in
    double sum_of_squares = 0;  ///< of the quantized values, six digits
};

class FolderWriter : public Writer {
  public:
    ~FolderWriter() override;

    Place place() const final;
    std::vector<std::string> names_of_old(const std::filesystem::path& folder) const override;
    void decide() final;
    WriteOptions examine() final;
    survey::Findings findings() const final { return findings_; }
    void take_findings(const survey::Findings& findings) final;
    formats::OutputPlan lay_out() final;
    std::vector<std::string> file_names(const formats::OutputPlan& plan) const final;
    std::uint64_t bytes_needed(const formats::OutputPlan& plan) const final;
    pipeline::Stretch source_of(std::size_t number) const final;
    bool hashes_all() const final { return true; }
    void add_tasks(const Target& target, const TensorRun& wanted, const codecs::TakeResult& take,
                   codecs::TaskList& tasks) final;
    void take_result(std::size_t number, codecs::TensorResult&& result) final;
    void complete(const Target& target, std::vector<pipeline::PieceChecksums> pieces) final;
    Report finish(const Target& target, io::Output& output) final;
    void add_notes(const Report& report, std::vector<std::string>& lines) const final;

  protected:
    FolderWriter(const Order& order, const FolderKind& kind);

    /// Names, parts and bytes of tensors.
    virtual const formats::Format& format() const = 0;

    /// Changes what was decided to what the format can hold: a group size that follows from the
    /// shape, a tensor that is kept or left out. Called before check_schemes(). kUsage, kBadInput.
    virtual void adapt(plan::Decisions& /*decisions*/) const {}

    /// The same of a set that is repackaged: a tensor gets the scheme under which the format has
    /// the same codes and values to the bit, or is left out. One that has no such scheme is
    /// refused, naming it, its own, and one that would fit: kBadInput.
    virtual void fit(TensorReport& /*tensor*/) const {}

    /// Refuses what has no place in the format, naming tensor, scheme and cure; called whenever
    /// schemes were decided. kUsage.
    virtual void check_schemes(const std::vector<TensorReport>& /*tensors*/) const {}

    /// The task that makes one tensor's stored form: a copy of what is kept, and QuantizeTask with
    /// the format's encoder.
    virtual void add_task(std::size_t number, const pipeline::Stretch& target,
                          const codecs::TakeResult& take, codecs::TaskList& tasks);

    /// How the codes of a set's tensor, fitted, become the format's.
    virtual codecs::RepackJob repack_job(std::size_t number) const;

    /// Texts that follow from what was decided: config.json, a map of modules. One with a
    /// companion's name takes its place.
    virtual std::vector<TextFile> text_files() const { return {}; }

    /// Writes the last file, and returns its length. Here, and in names_of_old(), it is
    /// `octet_report.json` (formats/folder_report.hpp).
    virtual std::uint64_t write_last(FolderContents& contents, io::Output& output);

    const checkpoint::Checkpoint& checkpoint() const noexcept { return order_.checkpoint; }
    const QuantizeOptions& options() const noexcept { return order_.options; }
    const octet_set::Sidecar* set() const noexcept { return order_.set; }
    const survey::CodeInputs& inputs() const noexcept { return inputs_; }
    const std::vector<TensorReport>& tensors() const noexcept { return tensors_; }

  private:
    class Results;

    void choose(const std::vector<bool>& keep, WriteOptions& writing);
    void decide_with(const std::vector<bool>& keep,
                     const std::vector<std::optional<Scheme>>& chosen);
    void settle();
    void fit_all();
    bool is_rewritten(std::string_view companion) const;
    std::vector<FileReport> write_companions(io::Output& output) const;
    FileReport write_index(const formats::OutputPlan& plan,
                           const std::vector<TensorReport>& tensors, io::Output& output) const;
    Report report_of(FolderContents contents, std::uint64_t last_bytes) const;

    const Order order_;
    const FolderKind kind_;
    checkpoint::Companions companions_;
    survey::CodeInputs inputs_;
    plan::Decisions decisions_;
    std::vector<TextFile> texts_;
    std::vector<TensorReport> tensors_;
    std::unique_ptr<Results> results_;
    survey::Findings findings_;
    std::vector<pipeline::PieceChecksums> pieces_;
    double sum_of_squares_ = 0;
};

}  // namespace octet::writers
