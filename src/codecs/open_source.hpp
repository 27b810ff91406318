// Opens weights of whatever format lies at a path, to be read as floats.
#pragma once

#include <filesystem>
#include <memory>

#include "formats/float_source.hpp"
#include "io/links.hpp"

namespace octet::codecs {

/// Opens and checks what lies at `path`. kBadInput, kIo.
std::unique_ptr<formats::FloatSource> open_source(const std::filesystem::path& path,
                                                  io::Links links = io::Links::kOwn);

}  // namespace octet::codecs
