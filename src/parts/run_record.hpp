// What run the parts of an output belong to: version, number of parts, source, options, what was
// found in values, and where everything goes. The first part that comes writes it down; every other
// part, and join, hold their own against it.
//
//   octet-parts 1
//   version V
//   parts N
//   source NAME BYTES MTIME_NS XXH3-128      a shard; the checksum is that of its header
//   importance BYTES XXH3-128                the file of --importance
//   option NAME VALUE                        options_text.hpp
//   input PATH                               where the part that wrote it found the source
//   kept NUMBER, tied NUMBER NUMBER          survey::Findings
//   file NAME                                a data file
//   layout XXH3-128                          of names, sizes and offsets
//   seal XXH3-128
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "formats/layout.hpp"
#include "octet/options.hpp"
#include "survey/findings.hpp"

namespace octet::parts {

struct RunRecord {
    std::string order;  ///< the lines from the version to the options
    std::string input;
    survey::Findings findings;
    std::vector<std::string> files;  ///< names of data files
    std::string layout;              ///< 32 hexadecimal digits
};

/// The lines of RunRecord::order: what has to be the same for all parts. kIo.
std::string order_of(const checkpoint::Checkpoint& checkpoint, const QuantizeOptions& options,
                     std::uint32_t parts);

/// The checksum of all places.
std::string layout_of(const formats::OutputPlan& plan);

/// The record as a sealed text, and back. `where` names it: kBadInput where it is none.
std::string run_text(const RunRecord& record);
RunRecord parse_run(std::string_view text, const std::string& where);

/// Throws where two runs are not the same, naming what differs: kUsage of options and the number of
/// parts, kBadInput of a source that changed and of another version. `where` names the parts.
void check_same_order(const std::string& there, const std::string& own, const std::string& where);

/// The number of parts, and the options, of the lines of an order. `where` as above.
std::uint32_t part_count_of(const std::string& order, const std::string& where);
QuantizeOptions options_of(const std::string& order, const std::string& where);

}  // namespace octet::parts
