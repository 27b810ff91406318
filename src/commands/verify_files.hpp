// The files of a set held against its sidecar: every file that the sidecar lists is there, has its
// size and its checksum. The data files are hashed first and as wholes, so that one broken header
// does not hide another file; only where a file's checksum differs are its tensors hashed, to name
// the damaged ones. What does not hold becomes a finding.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/octet_set/quantized_set.hpp"
#include "octet/error.hpp"
#include "octet/verify.hpp"

namespace octet::commands {

/// What reading the files takes of the options; no progress.
WriteOptions reading_options(const VerifyOptions& options);

/// `what` without `path` in front of it, where that is what it begins with.
std::optional<std::string> after_subject(std::string_view what, const std::filesystem::path& path);

class FileChecks {
  public:
    /// All that is named outlives it; `lister`, in findings, is what lists the files. Findings are
    /// added behind those that are there.
    FileChecks(const io::HeldFolder& folder, const octet_set::Sidecar& sidecar,
               const VerifyOptions& options, std::vector<Finding>& findings,
               std::string_view lister = "the sidecar")
        : folder_(folder),
          sidecar_(sidecar),
          options_(options),
          findings_(findings),
          lister_(lister) {}

    /// Every data file that can be opened and has its size, against its checksum. Progress goes to
    /// `total` bytes.
    void check_data_files(std::uint64_t total);

    /// Which tensors of a broken data file are touched; whole files need no second look.
    void check_tensors(const octet_set::QuantizedSet& set);

    void check_companions();

    /// The set's index follows from the sidecar, so its text is made again and compared.
    void check_index(const octet_set::QuantizedSet& set);

    /// What is wrong with a header, or with the sidecar that does not fit it, becomes a finding of
    /// the file that the error names, unless that one is missing or has another size, which is
    /// known then.
    void explain(const Error& error);

  private:
    void add(std::string file, std::string tensor, std::string what);
    bool open_listed(const FileReport& listed, io::File& file);
    void check_sha256(const FileReport& listed, const io::File& file);

    const io::HeldFolder& folder_;
    const octet_set::Sidecar& sidecar_;
    const VerifyOptions& options_;
    std::vector<Finding>& findings_;
    const std::string_view lister_;
    std::vector<bool> broken_;              ///< data files that are not what was written
    std::vector<bool> missing_or_resized_;  ///< of them, those that have a finding that says so
};

}  // namespace octet::commands
