// What an output format is to quantize: one object that writes one checkpoint, step by step, as
// commands/quantize.cpp asks for the steps.
//
//   place, names_of_old        what the output is, a folder or files, and what of an old one may be
//                              replaced
//   decide, examine            what becomes of each tensor, from headers and options; then from
//                              values, or take_findings: from what another run found in them
//   lay_out, file_names        every file, and where in it each tensor goes; a pure function of
//                              what was decided
//   add_tasks                  who makes each tensor (codecs/), of all or of some
//   take_result                what was found out of one, by a task here or by another run
//   complete, finish           what can be written only when the tensors are known; the report
//
// The road owns everything else: opening, free space, creating files, running, syncing, gates,
// publishing. A format that is a folder of safetensors files derives from FolderWriter
// (writers/folder_writer.hpp), which has all of these steps. The formats are one table
// (writers/registry.cpp).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "codecs/run.hpp"
#include "formats/layout.hpp"
#include "formats/octet_set/sidecar.hpp"
#include "io/output.hpp"
#include "octet/options.hpp"
#include "octet/plan.hpp"
#include "octet/report.hpp"
#include "pipeline/task.hpp"
#include "survey/findings.hpp"

namespace octet::writers {

/// From so many on what one part of the work leaves behind is too much beside the next.
inline constexpr std::size_t kManyTensors = 10'000;

/// Where an output stands, and by what it is known again.
struct Place {
    io::Output::Kind kind = io::Output::Kind::kFolder;
    std::string last_file =
        {};  ///< of a folder: whose presence makes it one of these, as it is written last
    std::string noun = {};  ///< of a folder, for messages: "set"
    bool is_named = true;   ///< of a file: the target is one of the files, rather than what their
                            ///< names are made of
};

/// Consecutive tensors of a plan, [first, end).
struct TensorRun {
    std::size_t first = 0;
    std::size_t end = 0;

    bool has(std::size_t number) const noexcept { return number >= first && number < end; }
};

/// What is being written: data files, created in full size, and who lies where.
struct Target {
    const formats::OutputPlan& plan;
    const std::vector<io::File>& files;  ///< parallel to plan.files

    /// The stored form of a tensor, by its place in the plan.
    pipeline::Stretch stretch_of(std::size_t number) const {
        const formats::Placement& place = plan.placements[number];
        return {&files[place.file], place.offset, place.byte_count};
    }
};

class Writer {
  public:
    virtual ~Writer() = default;

    virtual Place place() const = 0;

    /// Of a folder: the files of such an output at `folder`, as its last file lists them; --force
    /// may replace these. kBadInput where that is broken.
    virtual std::vector<std::string> names_of_old(const std::filesystem::path& folder) const = 0;

    /// What becomes of each tensor, from headers, small files and options. A tensor or scheme that
    /// the format has no place for is refused here, by name, with what to do: kUsage, kBadInput.
    virtual void decide() = 0;

    /// The same from values, where the options ask for it: what is not finite, what is equal, the
    /// planner's choice. Returns options for the run: its progress may be a part of the whole.
    /// kBadInput, kIo, kCheckFailed.
    virtual WriteOptions examine() = 0;

    /// What examine() found.
    virtual survey::Findings findings() const = 0;

    /// Instead of examine(): what it would find. Numbers that are none of the checkpoint's:
    /// kBadInput.
    virtual void take_findings(const survey::Findings& findings) = 0;

    /// Where every tensor goes. The plan's headers may refer to this object.
    virtual formats::OutputPlan lay_out() = 0;

    /// Every file that there will be, those in `plan` among them; files are published in this
    /// order.
    virtual std::vector<std::string> file_names(const formats::OutputPlan& plan) const = 0;

    /// Free space that the output takes, at most.
    virtual std::uint64_t bytes_needed(const formats::OutputPlan& plan) const = 0;

    /// Where the source of a tensor of the plan lies; nothing of one that is made without a task.
    virtual pipeline::Stretch source_of(std::size_t number) const = 0;

    /// True where the output holds checksums of the source's tensors and of whole data files, too.
    virtual bool hashes_all() const = 0;

    /// A task for each tensor in `wanted`, in the order of the files; what they find out goes to
    /// `take`, which outlives them. What is known without a task is written at once.
    virtual void add_tasks(const Target& target, const TensorRun& wanted,
                           const codecs::TakeResult& take, codecs::TaskList& tasks) = 0;

    /// After add_tasks(), whatever was wanted: what a task found out. From any worker.
    virtual void take_result(std::size_t number, codecs::TensorResult&& result) = 0;

    /// All results are here: joins them, and writes what of the data files depends on them.
    /// `pieces` are the known checksums of each file's pieces.
    virtual void complete(const Target& target, std::vector<pipeline::PieceChecksums> pieces) = 0;

    /// Writes all that is not data, and gives the report; the road adds paths, gates and time.
    virtual Report finish(const Target& target, io::Output& output) = 0;

    /// Checks of the format's own, behind the gates.
    virtual void add_checks(Report& /*report*/) const {}

    /// What the user may want to do next; mostly empty.
    virtual std::string hint(const Report& /*report*/) const { return ""; }

    /// What the user should know of an output that is written.
    virtual void add_notes(const Report& report, std::vector<std::string>& lines) const = 0;
};

/// What a writer works on, and outlives it.
struct Order {
    const checkpoint::Checkpoint& checkpoint;
    const QuantizeOptions& options;
    io::Links links;
    std::filesystem::path given;  ///< where the output goes, as the user said it
    /// Of a set that is repackaged: what its tensors are, parallel to the checkpoint's, which is
    /// then the set's files (writers/repackage.hpp). Null: the checkpoint is quantized.
    const octet_set::Sidecar* set = nullptr;
};

/// An output format: a row of the table.
struct OutputFormat {
    std::string_view name;  ///< as Report::format has it
    /// Options that have no meaning for it, and names that can hardly be meant: kUsage. Asked
    /// before anything is opened.
    void (*check)(const QuantizeOptions& options, const std::filesystem::path& given);
    std::unique_ptr<Writer> (*make)(const Order& order);
    /// What it would hold, for `octet plan`; null: as commands/plan.cpp plans octet's set. Notes
    /// are for stderr.
    PlanReport (*plan)(const std::filesystem::path& input, const QuantizeOptions& options,
                       bool scan, std::vector<std::string>& notes) = nullptr;
    bool takes_sets = false;  ///< a finished set of octet's own can be written in it
};

/// The one that the options ask for.
const OutputFormat& format_of(const QuantizeOptions& options);

}  // namespace octet::writers
