// The text of a sidecar in one piece, and the seal of a text that may be none: for unit tests and
// fuzz targets. The program itself writes a sidecar in parts and never has it whole.
#pragma once

#include <string>
#include <string_view>

#include "formats/octet_set/sidecar.hpp"

namespace octet::test {

/// The sidecar's text in one piece.
inline std::string sidecar_text(const octet_set::Sidecar& sidecar) {
    std::string text;
    octet_set::write_sidecar(sidecar, [&](std::string_view part) { text += part; });
    return text;
}

/// `text` (an object without its closing bracket) with its seal.
inline std::string sealed_text(std::string text) {
    text += ",\n  ";
    return text + octet_set::seal_of(text);
}

}  // namespace octet::test
