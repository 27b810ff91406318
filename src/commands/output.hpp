// Creating the files of a plan, and keeping the input out of harm's way.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "io/output.hpp"
#include "plan/output_plan.hpp"

namespace octet::commands {

/// What the user should know of a run. Lines that were not told yet are told when it goes away, so also when the run fails.
class Notes {
  public:
    explicit Notes(const WriteOptions& options) : options_(options) {}
    Notes(const Notes&) = delete;
    Notes& operator=(const Notes&) = delete;
    ~Notes() {
        if (!options_.note) return;
        for (const std::string& line : lines) options_.note(line);
    }

    std::vector<std::string> lines;

  private:
    const WriteOptions& options_;
};

/// Bytes that a set or checkpoint of these files takes, with what goes along with it: `companions`, and texts that name every tensor.
std::uint64_t bytes_needed(const std::vector<plan::FilePlan>& files, std::uint64_t companion_bytes,
                           std::size_t tensors);

/// Creates every file of the plan, full size, header written.
std::vector<io::File> create_files(plan::OutputPlan& plan, io::Output& output);

/// Waits until all are on the disk, if `options.sync`.
void sync_files(const std::vector<io::File>& files, const WriteOptions& options);

/// Throws kInterrupted if the run has been asked to stop. Called before what cannot be undone.
void check_stop(const WriteOptions& options);

/// Throws kUsage if any of `names` in `folder` is one of the input's files (by device and inode). `given` stands in the message.
void refuse_inputs(const std::filesystem::path& folder, const std::filesystem::path& given,
                   const std::vector<std::string>& names, const std::vector<io::FileIdentity>& inputs);

}  // namespace octet::commands
