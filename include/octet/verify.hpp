// Verifying a set: that every byte is as octet wrote it and, with the source, that every value is
// within its bound.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet {

/// A defect of a set.
struct Finding {
    std::string file;  ///< base name of the file with the defect
    std::string
        tensor;        ///< name of the tensor; empty when the defect does not belong to one tensor
    std::string what;  ///< the defect, with numbers
};

/// Options of verify().
struct VerifyOptions {
    std::optional<std::filesystem::path>
        source;  ///< the original checkpoint, compared value by value
    std::optional<std::filesystem::path> importance =
        {};                                ///< with `source`: the file that quantize had, if any
    unsigned threads = 0;                  ///< workers; 0: as many as the machine has cores
    Progress progress;                     ///< may be empty
    std::function<bool()> stop_requested;  ///< as in WriteOptions
    bool follow_links = false;             ///< as in WriteOptions
};

/// What verify() found. A set without findings is whole.
struct VerifyReport {
    std::string input;
    std::string source;            ///< empty without a source
    std::string format = "octet";  ///< or "gguf", or the name of another engine's format
    bool has_checksums =
        true;  ///< false of a GGUF file that octet did not write: only its structure was looked at
    Totals totals;
    std::vector<TensorReport>
        tensors;  ///< as in the sidecar; empty where sidecar and data files do not fit
    std::vector<Finding> findings;  ///< structure first, then in file order
    double seconds = 0;
};

/// Checks the set at `set`: the sidecar and its seal, the sidecar against the data files, the
/// checksum of every file and tensor, and the index. With a source it also checks, element by
/// element, that scale and zero point follow from the source's range, that every code follows from
/// scale and zero point, that every restored value is within its bound, and that every copied
/// tensor is identical. Reads only, in bounded memory. A broken set does not throw; it has
/// findings.
/// Throws Error: kBadInput (no such path; a source that is no checkpoint), kIo, kInterrupted.
VerifyReport verify(const std::filesystem::path& set, const VerifyOptions& options);

}  // namespace octet
