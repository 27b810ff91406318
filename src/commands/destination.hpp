// Where dequantize writes: a file or a folder of its own, or among the files of a folder; what
// stands there decides, and what may be replaced.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "io/output.hpp"
#include "octet/error.hpp"
#include "octet/options.hpp"

namespace octet::commands {

/// Where the restored files go: a file or a folder of their own, or among the files of a folder.
class Destination {
  public:
    Destination(const std::filesystem::path& given, const DequantizeOptions& options,
                std::vector<std::string>& notes)
        : given_(given),
          target_(io::resolved_target(given)),
          single_(target_.filename().native().ends_with(".safetensors")),
          force_(options.write.force) {
        check_kind();
        output_.emplace(target_, single_ ? io::Output::Kind::kFile : io::Output::Kind::kFolder,
                        std::string(kSidecarName), options.write.sync, notes);
        const std::vector<std::string>& names = output_->standing().names;
        if (!names.empty() && !force_)
            refuse(fmt::format("is not empty ({}); --force replaces files of the same names",
                               printable(names.front())));
        is_whole_folder_ = !single_ && names.empty();
    }

    bool is_single_file() const { return single_; }
    std::string single_name() const { return target_.filename().native(); }
    std::filesystem::path folder() const { return single_ ? target_.parent_path() : target_; }
    const std::filesystem::path& target() const { return target_; }
    io::Output& output() { return *output_; }

    void publish(const std::vector<std::string>& names) {
        if (is_whole_folder_) {
            output_->publish_folder({});
        } else {
            output_->publish_files(names, force_);
        }
    }

  private:
    void check_kind() const {
        const io::EntryKind kind = io::kind_at(target_);
        if (kind == io::EntryKind::kNothing) return;
        const bool is_folder = kind == io::EntryKind::kFolder;
        if (single_ && is_folder)
            refuse("is a folder; name a file, or a folder that does not end in .safetensors");
        if (single_ && !force_) refuse("exists already; --force replaces it");
        if (!single_ && !is_folder)
            refuse(
                "is a file whose name does not end in .safetensors; name a folder or a "
                ".safetensors file");
    }

    [[noreturn]] void refuse(const std::string& what) const {
        throw Error(ErrorCode::kUsage, printable(given_.native()), what);
    }

    std::filesystem::path given_;
    std::filesystem::path target_;
    bool single_;
    bool force_;
    bool is_whole_folder_ = false;
    std::optional<io::Output> output_;
};

}  // namespace octet::commands
