// A folder that is held by a descriptor while it is read. Another run may put another folder in its
// place meanwhile (quantize --force does); what is read through this one is of the folder that was
// there when it was opened, all of it or, where its files are being removed, less. is_replaced()
// then says that its path leads elsewhere by now, so that the reader begins again there.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "io/file.hpp"
#include "octet/error.hpp"

namespace octet::io {

/// Copies share the descriptor.
class HeldFolder {
  public:
    HeldFolder() = default;

    /// Opens the folder. None there, or something else: kBadInput; other failures: kIo.
    explicit HeldFolder(std::filesystem::path path);

    const std::filesystem::path& path() const noexcept {
        return path_;
    }  ///< as it was given, for messages

    /// The path of a file in it, for messages: opening it may lead to another folder.
    std::filesystem::path path_of(std::string_view name) const { return path_ / name; }

    /// Whether it has something of that name, links followed. kIo where that cannot be told.
    bool has(std::string_view name) const;

    /// As File::open_for_reading().
    File open(std::string_view name) const;

    /// As read_text_file().
    std::string read_text(std::string_view name, std::uint64_t most_bytes) const;

    /// As find_identity().
    bool find_identity(std::string_view name, FileIdentity& identity) const;

    /// True when its path leads to another folder now, or nowhere.
    bool is_replaced() const;

  private:
    class Descriptor;

    std::filesystem::path path_;
    std::shared_ptr<const Descriptor> descriptor_;
};

/// How often a folder may be replaced while it is read before that is an error: each time takes a
/// whole run of quantize.
inline constexpr int kMostReplacements = 100;

/// Calls read(HeldFolder) until the folder that it read was still in its place, or what it threw
/// has nothing to do with that.
template <typename Read>
auto read_held(const std::filesystem::path& path, Read read) {
    for (int replaced = 0;; ++replaced) {
        HeldFolder folder(path);
        try {
            return read(folder);
        } catch (const Error& error) {
            if (replaced == kMostReplacements || error.code() == ErrorCode::kInterrupted ||
                !folder.is_replaced())
                throw;
        }
    }
}

/// Whether the folder at `path` has something of that name; false where there is no folder. Unlike
/// exists(path / name) it is not fooled by a folder that is replaced between the two.
bool folder_has(const std::filesystem::path& path, std::string_view name);

}  // namespace octet::io
