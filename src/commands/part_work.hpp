// What quantize_part() and join() do alike: open what parts are made of, decide it, and know whose
// is what. Both then hold the same plan in hands, without having looked at each other.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "octet/options.hpp"
#include "octet/parts.hpp"
#include "parts/folder.hpp"
#include "parts/part_record.hpp"
#include "parts/run_record.hpp"
#include "writers/writer.hpp"

namespace octet::commands {

/// An output that is made in parts, decided from headers and options.
class PartWork {
  public:
    /// `out` and the input as the user gave them; `options` outlive this. What quantize() throws.
    PartWork(const std::filesystem::path& input, const std::filesystem::path& out,
             const QuantizeOptions& options, std::uint32_t parts);

    /// Takes over what another part found, whose record this is, and lays everything out. kUsage,
    /// kBadInput where it is of another run; `where` names it.
    void take_run(const parts::RunRecord& run, const std::string& where);

    /// The same where this part is the first: looks at values. Returns options for the run.
    WriteOptions examine();

    /// The record that every part has.
    parts::RunRecord run() const;

    /// The tensors of a part.
    writers::TensorRun share_of(const Part& part) const;

    /// Bytes of the source of these.
    std::uint64_t source_bytes(const writers::TensorRun& run) const;

    const checkpoint::Checkpoint& checkpoint() const noexcept { return checkpoint_; }
    writers::Writer& writer() noexcept { return *writer_; }
    const formats::OutputPlan& plan() const noexcept { return plan_; }
    formats::OutputPlan& plan() noexcept { return plan_; }

  private:
    void lay_out();

    const QuantizeOptions& options_;
    const writers::OutputFormat& format_;
    checkpoint::Checkpoint checkpoint_;
    std::unique_ptr<writers::Writer> writer_;
    std::string order_;
    std::string input_;
    formats::OutputPlan plan_;
    std::vector<std::uint64_t> byte_counts_;  ///< of the sources of the plan's tensors
};

/// kUsage where the planner is asked and there is no plan: a part sees its own tensors alone.
void check_planner(const QuantizeOptions& options);

/// The words for errors: the folder of parts, or a file in it.
std::string name_of(const parts::Folder& folder, const std::string& file = {});

/// The record of the run, with its seal; nothing where no part has written it. kBadInput, kIo.
struct SealedRun {
    parts::RunRecord record;
    std::string seal;
};
std::optional<SealedRun> read_run(const parts::Folder& folder,
                                  std::string_view file = parts::kRunFile);

}  // namespace octet::commands
