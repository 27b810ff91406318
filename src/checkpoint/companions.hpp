// Companions: the files of a model's folder that are no tensors and go along into a set and back,
// byte for byte. All that is small and not weights does: configs, tokenizers, templates, code,
// licences, and subfolders with their small weights (1_Pooling, 2_Dense). What stays behind has a
// name and a reason, but for names that begin with a dot, which are never anybody's companions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "io/links.hpp"
#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet::checkpoint {

/// A larger file is no companion.
inline constexpr std::uint64_t kMostCompanionBytes = 100'000'000;
/// A subfolder with more entries, those below it included, does not go along.
inline constexpr std::size_t kMostSubfolderEntries = 1'000;

struct Companion {
    std::string name;  ///< relative to the folder, with '/'
    std::filesystem::path path;
    std::uint64_t byte_count = 0;
};

struct Companions {
    std::vector<Companion> copied;  ///< in the order of their names
    std::vector<LeftOut> left_out;
};

/// The companions of a checkpoint; none where its folder was not named. Of links only those that
/// may be followed are (io/links.hpp). A folder that cannot be listed, a link that cannot be
/// followed: kIo.
Companions find_companions(const Checkpoint& checkpoint, CompanionChoice choice, io::Links links);

std::uint64_t total_bytes(const Companions& companions);

/// One line that names what was left out; empty where that is nothing, or only what the choice
/// leaves out.
std::string left_out_line(const std::vector<LeftOut>& left_out);

}  // namespace octet::checkpoint
