// The files of --report: their places are looked at before anything is read, claimed before the
// work begins, and written, each whole or not at all, once there is a result, also one that fails a
// check.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "io/output.hpp"
#include "report/document.hpp"

namespace octet::cli {

/// Throws kUsage where a report would replace something that the command line names, stand in a set
/// or in the folder that the command writes, or have no place. `words`: the command line.
void check_report_places(const Command& command, const std::vector<std::string>& words,
                         const Arguments& arguments);

class ReportFiles {
  public:
    /// Claims the places. Another run is writing there, or nobody can: kIo.
    ReportFiles(Terminal& terminal, const Arguments& arguments);
    ReportFiles(const ReportFiles&) = delete;
    ReportFiles& operator=(const ReportFiles&) = delete;
    ~ReportFiles();

    bool empty() const { return files_.empty(); }

    /// All of them; one that stands there is replaced. kIo, saying that the rest of the work is
    /// done.
    void write(const report::Document& document);

  private:
    struct File;

    Terminal& terminal_;
    bool sync_;
    std::vector<std::unique_ptr<File>> files_;
};

}  // namespace octet::cli
