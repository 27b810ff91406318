// A GGUF file opened, or the several files of which one model consists: NAME-00001-of-00003.gguf
// and so on, each a file of its own with the tensors that it has, the first with the model's keys.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf/gguf_reader.hpp"
#include "io/file.hpp"
#include "io/links.hpp"

namespace octet::gguf {

/// What octet wrote into a file of a tensor's error.
struct Figures {
    double sqnr_db = 0;
    double rmse = 0;
    double max_abs_error = 0;
};

struct GgufFile {
    std::vector<io::File> files;  ///< one, or all of them in the order of their numbers
    std::vector<std::string> base_names;
    std::filesystem::path folder;  ///< where they lie
    std::uint32_t version = kVersion;
    std::vector<ReadKey> keys;        ///< of the first file
    std::vector<ReadTensor> tensors;  ///< file by file, in the order of their data
    std::vector<std::optional<Figures>>
        figures;  ///< parallel to them; empty of what octet did not write
};

/// Opens the GGUF file at `path`, or the one in that folder (checkpoint::locate); named by any of
/// its files where there are several, which may be links as far as `links` says. Broken, or a file
/// missing: kBadInput.
GgufFile open_gguf(const std::filesystem::path& path, io::Links links = io::Links::kOwn);

}  // namespace octet::gguf
