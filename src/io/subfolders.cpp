// Every folder on the way is opened by name, one at a time, and never through a link; a folder that
// is made is noted in the journal before.
#include "io/subfolders.hpp"

#include <algorithm>
#include <cerrno>
#include <set>

namespace octet::io {
namespace {

/// A directory that is given, or one below it that had to be opened.
class Place {
  public:
    explicit Place(const Directory& given) : given_(&given) {}
    explicit Place(Directory&& opened) : opened_(std::move(opened)) {}

    const Directory& directory() const { return opened_ ? *opened_ : *given_; }

  private:
    const Directory* given_ = nullptr;
    std::optional<Directory> opened_;
};

std::string base_of(const std::string& name) {
    return name.substr(name.rfind('/') + 1);  // npos + 1 is 0
}

/// The folder at a relative name, or nothing where there is none; the root itself for an empty one.
std::optional<Place> find_place(const Directory& root, const std::string& name) {
    Place place(root);
    if (name.empty()) return place;
    for (const std::string& part : parts_of_name(name)) {
        const auto entry = place.directory().look_at(part);
        if (!entry || entry->kind != DirectoryEntry::Kind::kFolder) return std::nullopt;
        std::optional<Directory> next = place.directory().find_folder(part);
        if (!next) return std::nullopt;
        place = Place(std::move(*next));
    }
    return place;
}

std::string folder_of(const std::string& name) {
    const std::size_t slash = name.rfind('/');
    return slash == name.npos ? "" : name.substr(0, slash);
}

/// The folder of that file, made where it is missing.
Place make_place(const Directory& root, const std::string& name) {
    Place place(root);
    if (folder_of(name).empty()) return place;
    for (const std::string& part : parts_of_name(folder_of(name))) {
        const Directory& above = place.directory();
        if (system_calls().mkdir(above.descriptor(), part.c_str(), 0777) != 0 && errno != EEXIST)
            throw_io_error(above.path() / part, "create the folder", errno);
        std::optional<Directory> next = above.find_folder(part);
        if (!next) throw_io_error(above.path() / part, "open", ENOENT);
        place = Place(std::move(*next));
    }
    return place;
}

void add_strangers(const Directory& folder, const std::string& prefix,
                   const std::set<std::string>& files, const std::set<std::string>& folders,
                   std::vector<std::string>& found) {
    for (const std::string& base : folder.names()) {
        const std::string name = prefix + base;
        const auto entry = folder.look_at(base);
        const bool is_folder = entry && entry->kind == DirectoryEntry::Kind::kFolder;
        if (is_folder && folders.contains(name)) {
            const std::optional<Directory> below = folder.find_folder(base);
            if (below) add_strangers(*below, name + "/", files, folders, found);
        } else if (entry && (is_folder || !files.contains(name))) {
            found.push_back(name);
        }
    }
}

}  // namespace

bool is_plain_name(std::string_view name) noexcept {
    return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos &&
           name.find('\0') == name.npos;
}

bool is_relative_name(std::string_view name) {
    const std::vector<std::string> parts = parts_of_name(name);
    return parts.size() <= kMostNameParts && std::all_of(parts.begin(), parts.end(), is_plain_name);
}

std::vector<std::string> parts_of_name(std::string_view name) {
    std::vector<std::string> parts;
    for (std::size_t slash = name.find('/'); slash != name.npos; slash = name.find('/')) {
        parts.emplace_back(name.substr(0, slash));
        name.remove_prefix(slash + 1);
    }
    parts.emplace_back(name);
    return parts;
}

std::vector<std::string> folders_of(const std::vector<std::string>& names) {
    std::set<std::string> folders;
    for (const std::string& name : names) {
        for (std::string folder = folder_of(name); !folder.empty(); folder = folder_of(folder))
            folders.insert(folder);
    }
    return {folders.begin(), folders.end()};
}

std::optional<DirectoryEntry> look_at_path(const Directory& root, const std::string& name) {
    const std::optional<Place> place = find_place(root, folder_of(name));
    return place ? place->directory().look_at(base_of(name)) : std::nullopt;
}

File create_file_at(const Directory& root, const std::string& name, std::uint64_t byte_count) {
    return make_place(root, name).directory().create_file(base_of(name), byte_count);
}

File open_file_at(const Directory& root, const std::string& name) {
    const std::optional<Place> place = find_place(root, folder_of(name));
    if (!place) throw_io_error(root.path() / name, "open", ENOENT);
    return place->directory().open_file(base_of(name));
}

void move_path(const Directory& from, const Directory& to, const std::string& name, MoveMode mode) {
    const std::optional<Place> source = find_place(from, folder_of(name));
    if (!source) throw_io_error(from.path() / name, "find", ENOENT);
    const Place target = make_place(to, name);
    source->directory().move(base_of(name), target.directory(), base_of(name), mode);
}

bool remove_file_at(const Directory& root, const std::string& name) {
    const std::optional<Place> place = find_place(root, folder_of(name));
    return !place || place->directory().remove_file(base_of(name));
}

void remove_folders_of(const Directory& root, const std::vector<std::string>& names) {
    const std::vector<std::string> folders = folders_of(names);
    for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
        const std::optional<Place> place = find_place(root, folder_of(*folder));
        if (!place || place->directory().remove_folder(base_of(*folder))) continue;
        if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR)
            throw_io_error(root.path() / *folder, "remove", errno);
    }
}

void sync_folders_of(const Directory& root, const std::vector<std::string>& names) {
    for (const std::string& folder : folders_of(names)) {
        if (const std::optional<Place> place = find_place(root, folder)) place->directory().sync();
    }
}

std::vector<std::string> strangers(const Directory& root, const std::vector<std::string>& own,
                                   const std::vector<std::string>& more) {
    std::set<std::string> folders;
    for (const auto* names : {&own, &more}) {
        for (const std::string& folder : folders_of(*names)) folders.insert(folder);
    }
    std::vector<std::string> found;
    add_strangers(root, "", {own.begin(), own.end()}, folders, found);
    return found;
}

}  // namespace octet::io
