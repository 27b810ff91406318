// What a part found out of its tensors and files, in one sealed file that appears when the part is
// done.
//
//   octet-part 1
//   run XXH3-128                             the seal of the run's record
//   part K N
//   tensor NUMBER result ...                 codecs::result_text, of every task
//   pieces FILE FIRST XXH3-128 ...           of consecutive pieces of a data file
//   seal XXH3-128
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codecs/tensor_result.hpp"
#include "octet/parts.hpp"

namespace octet::parts {

struct PartRecord {
    std::string run;  ///< the seal of the run's record
    Part part;
    std::vector<std::pair<std::size_t, codecs::TensorResult>> results;  ///< in order
    std::vector<pipeline::PieceChecksums> pieces;  ///< of each data file, as far as they are known
};

/// The record as a sealed text.
std::string part_text(const PartRecord& record);

/// Back; nothing where the text is none. `files` and `tensors` are how many there are.
std::optional<PartRecord> parse_part(std::string_view text, std::size_t files, std::size_t tensors);

}  // namespace octet::parts
