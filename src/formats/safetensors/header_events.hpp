// Turns the JSON of a safetensors header into entries, event by event, refusing everything that the
// format does not allow. The limits are structural (three levels, known keys, unsigned numbers), so
// hostile nesting ends at its fourth bracket.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/safetensors/header.hpp"

namespace octet::safetensors {

struct ParsedHeader {
    Header header;
    std::vector<std::uint64_t>
        key_offsets;  ///< absolute byte of each tensor's name, in header order
};

/// Parses `json`, which starts at byte 8 of `file_name`. Offsets are not compared with each other
/// yet. kBadInput on any violation.
ParsedHeader parse_header_events(std::string_view json, std::string_view file_name);

/// Throws kBadInput: "FILE: header: what".
[[noreturn]] void throw_bad_header(std::string_view file_name, std::string_view what);

}  // namespace octet::safetensors
