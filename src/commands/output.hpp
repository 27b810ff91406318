// Creating the files of a plan, and keeping the input out of harm's way.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "formats/layout.hpp"
#include "io/output.hpp"
#include "octet/options.hpp"

namespace octet::commands {

/// What the user should know of a run. Lines that were not told yet are told when it goes away, so
/// also when the run fails.
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

/// Creates every file of the plan, full size, its header written where the plan has it.
std::vector<io::File> create_files(formats::OutputPlan& plan, io::Output& output);

/// Waits until all are on the disk, if `options.sync`.
void sync_files(const std::vector<io::File>& files, const WriteOptions& options);

/// Throws kUsage if any of `names` in `folder` is one of the input's files (by device and inode).
/// `given` stands in the message.
void refuse_inputs(const std::filesystem::path& folder, const std::filesystem::path& given,
                   const std::vector<std::string>& names,
                   const std::vector<io::FileIdentity>& inputs);

}  // namespace octet::commands
