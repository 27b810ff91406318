// Where an output may stand: a folder that is absent, empty, or holds an output of the same format
// that is to be replaced and nothing else; or files that are absent or to be replaced. Nothing that
// octet did not write is ever removed, and no input is.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "io/output.hpp"
#include "writers/writer.hpp"

namespace octet::commands {

class OutputPlace {
  public:
    /// Looks at what stands at `given`, which stands in every message. All outlive this; `notes`
    /// gets lines. kUsage where the output may not be there; kIo.
    OutputPlace(const std::filesystem::path& given, const writers::Writer& writer,
                const checkpoint::Checkpoint& checkpoint, const WriteOptions& options,
                std::vector<std::string>& notes);

    /// Mends what a killed run left, and makes a hidden folder for the files of `plan` and what
    /// goes with them. kUsage where one of them may not be replaced; kIo, also where there is no
    /// room.
    void build(const formats::OutputPlan& plan);

    /// Before anything is built: kIo where the target cannot be replaced.
    void begin() { output_->begin(); }

    /// Makes all of it visible. kIo.
    void publish();

    io::Output& output() noexcept { return *output_; }

  private:
    void check_kind() const;
    void check_file(const std::filesystem::path& target) const;
    std::vector<std::string> replaceable_files() const;
    std::vector<std::string> files_of_old() const;
    void refuse_inputs(const std::filesystem::path& folder,
                       const std::vector<std::string>& names) const;

    const std::filesystem::path given_;
    const writers::Writer& writer_;
    const checkpoint::Checkpoint& checkpoint_;
    const WriteOptions& options_;
    const std::filesystem::path target_;
    const writers::Place place_;
    const bool is_folder_;
    std::optional<io::Output> output_;
    std::vector<std::string>
        names_;  ///< of a folder those that may be replaced, else those to be published
};

}  // namespace octet::commands
