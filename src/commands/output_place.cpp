// A folder may be replaced when its last file lists every file in it; a file when the run is
// forced.
#include "commands/output_place.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "commands/output.hpp"
#include "io/free_space.hpp"
#include "octet/error.hpp"

namespace octet::commands {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const fs::path& given, const std::string& what) {
    throw Error(ErrorCode::kUsage, printable(given.native()), what);
}

}  // namespace

OutputPlace::OutputPlace(const fs::path& given, const writers::Writer& writer,
                         const checkpoint::Checkpoint& checkpoint, const WriteOptions& options,
                         std::vector<std::string>& notes)
    : given_(given),
      writer_(writer),
      checkpoint_(checkpoint),
      options_(options),
      target_(io::resolved_target(given)),
      place_(writer.place()),
      is_folder_(place_.kind == io::Output::Kind::kFolder) {
    check_kind();
    output_.emplace(target_, place_.kind, place_.last_file, options.sync, notes);
    if (!is_folder_) return;
    names_ = replaceable_files();
    refuse_inputs(target_, names_);
}

void OutputPlace::build(const formats::OutputPlan& plan) {
    const std::vector<std::string> names = writer_.file_names(plan);
    if (!is_folder_) {
        names_ = names;
        for (const std::string& name : names) check_file(target_.parent_path() / name);
        refuse_inputs(target_.parent_path(), names);
    }
    io::check_free_space(output_->place(), target_, writer_.bytes_needed(plan));
    output_->build(names);
}

void OutputPlace::publish() {
    if (is_folder_) return output_->publish_folder(names_);
    output_->publish_files(names_, options_.force);
}

void OutputPlace::check_kind() const {
    if (!is_folder_) {
        if (place_.is_named) check_file(target_);
        return;
    }
    const io::EntryKind kind = io::kind_at(target_);
    if (kind != io::EntryKind::kNothing && kind != io::EntryKind::kFolder)
        refuse(given_,
               fmt::format("is a file; name a new or empty folder for the {}", place_.noun));
}

void OutputPlace::check_file(const fs::path& target) const {
    const io::EntryKind kind = io::kind_at(target);
    if (kind == io::EntryKind::kNothing) return;
    const fs::path& shown = target.filename() == given_.filename() ? given_ : target;
    if (kind == io::EntryKind::kFolder) refuse(shown, "is a folder; name a file");
    if (!options_.force) refuse(shown, "exists already; --force replaces it");
}

std::vector<std::string> OutputPlace::replaceable_files() const {
    const io::Standing& standing = output_->standing();
    const std::vector<std::string>& names = standing.names;
    if (names.empty()) return {};
    if (!std::binary_search(names.begin(), names.end(), place_.last_file))
        refuse(given_, fmt::format("is not empty ({}) and holds no {}; name a new or empty folder",
                                   printable(names.front()), place_.noun));
    if (!options_.force && standing.half_replaced)
        refuse(given_,
               fmt::format(
                   "holds a {} that an interrupted run left half replaced; --force replaces it",
                   place_.noun));
    if (!options_.force)
        refuse(given_, fmt::format("holds a {} already; --force replaces it", place_.noun));
    std::vector<std::string> own =
        standing.half_replaced ? *standing.half_replaced : files_of_old();
    const std::vector<std::string> others = output_->strangers(own);
    if (!others.empty())
        refuse(given_,
               fmt::format("holds {}, which is not part of the {} there; move it away first",
                           in_quotes(others.front()), place_.noun));
    return own;
}

/// The files of the output that stands there. kUsage where what lists them is broken.
std::vector<std::string> OutputPlace::files_of_old() const {
    try {
        return writer_.names_of_old(target_);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::kBadInput) throw;
        // What of it is the output's, nobody can say.
        const bool is_set = place_.noun == "set";
        refuse(
            given_,
            fmt::format("holds a {} whose {} is broken (octet verify says how); move it away first",
                        place_.noun, is_set ? "sidecar" : place_.last_file));
    }
}

void OutputPlace::refuse_inputs(const fs::path& folder,
                                const std::vector<std::string>& names) const {
    std::vector<io::FileIdentity> inputs;
    for (const checkpoint::Shard& shard : checkpoint_.shards)
        inputs.push_back(shard.file.identity());
    commands::refuse_inputs(folder, given_, names, inputs);
}

}  // namespace octet::commands
