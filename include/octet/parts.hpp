// One checkpoint, many machines: each makes one part of the output, and one of them joins the
// parts. Plain values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet {

/// The most parts that an output is made in.
inline constexpr std::uint32_t kMostParts = 65'535;

/// Part `number` of `count`, counted from 1.
struct Part {
    std::uint32_t number = 1;
    std::uint32_t count = 1;

    friend bool operator==(const Part&, const Part&) = default;
};

/// What quantize_part() returns.
struct PartReport {
    std::string input;  ///< the paths as they were given
    std::string output;
    Part part;
    bool was_done = false;           ///< by an earlier run; nothing was done
    std::uint64_t tensors = 0;       ///< of this part
    std::uint64_t source_bytes = 0;  ///< of its tensors
    std::vector<std::string> notes;
    double seconds = 0;
};

/// Options of join().
struct JoinOptions {
    /// The source, where it is not at the path that the parts had.
    std::optional<std::filesystem::path> source = {};
    bool verify = false;           ///< read all data, and hold it against the parts' checksums
    bool keep_on_failure = false;  ///< as of quantize(), whatever the parts were told
    WriteOptions write;            ///< `force`: as of quantize(), whatever the parts were told
};

}  // namespace octet
