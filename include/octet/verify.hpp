// Proving that a set is what octet wrote, and, beside its source, that it keeps its promise.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet {

/// Something that is not as it should be.
struct Finding {
    std::string file;    ///< base name of the file that it is about
    std::string tensor;  ///< empty when it is not about one tensor
    std::string what;    ///< with numbers
};

/// Options of verify().
struct VerifyOptions {
    std::optional<std::filesystem::path> source;           ///< the original checkpoint: every value is held against it
    std::optional<std::filesystem::path> importance = {};  ///< with `source`, where quantize had one: the same file
    unsigned threads = 0;                                  ///< workers; 0: as many as the machine has cores
    Progress progress;                                     ///< may be empty
    std::function<bool()> stop_requested;                  ///< as in WriteOptions
    bool follow_links = false;                             ///< as in WriteOptions
};

/// What verify() found. No findings: the set is whole.
struct VerifyReport {
    std::string input;
    std::string source;  ///< empty when not compared with one
    Totals totals;
    std::vector<TensorReport> tensors;  ///< as the sidecar has them; empty where it does not fit the data files
    std::vector<Finding> findings;      ///< structure first, then in file order
    double seconds = 0;
};

/// Checks the set at `set`: the sidecar and its seal, its fit with the data files, the checksum of every file and tensor, the index. With a
/// source also, element by element: codes equal what the stored scale and zero point give, scale and zero point what the source's range
/// gives, every restored value within its bound, every copied tensor identical. Bounded memory; reads only.
/// Throws Error: kBadInput (nothing there; a source that is no checkpoint), kIo, kInterrupted. A set that is broken is no error but findings.
VerifyReport verify(const std::filesystem::path& set, const VerifyOptions& options);

}  // namespace octet
