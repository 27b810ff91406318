// Components are the subfolders with weights beside a model_index.json that stands without a model
// of its own; its text is not read. Links are no components.
#include "checkpoint/components.hpp"

#include <algorithm>

#include "base/set_names.hpp"
#include "io/names.hpp"

namespace octet::checkpoint {
namespace {

namespace fs = std::filesystem;

bool holds_weights(const fs::path& folder) {
    const std::vector<std::string> names = io::folder_names(folder);
    return std::any_of(names.begin(), names.end(), [](const std::string& name) {
        return name == kSidecarName || name.ends_with(".safetensors");
    });
}

}  // namespace

std::vector<std::string> components_of(const fs::path& folder) {
    if (io::kind_at(folder) != io::EntryKind::kFolder) return {};
    for (const std::string_view name :
         {kSidecarName, kIndexName, std::string_view("model.safetensors")}) {
        if (io::exists(folder / name)) return {};
    }
    if (io::kind_at(folder / kPipelineName) != io::EntryKind::kFile) return {};
    std::vector<std::string> components;
    for (const std::string& name : io::folder_names(folder)) {
        const fs::path path = folder / name;
        if (name.starts_with('.') || io::kind_at(path) != io::EntryKind::kFolder) continue;
        if (io::link_target(folder, path) == io::LinkTarget::kNone && holds_weights(path))
            components.push_back(name);
    }
    return components;
}

Companions companions_of_pipeline(const fs::path& folder,
                                  const std::vector<std::string>& components,
                                  CompanionChoice choice, io::Links links) {
    Checkpoint root;
    root.input = folder.native();
    root.folder = folder;
    root.is_folder = true;
    for (const std::string& name : components) root.shards.push_back({io::File(), name, {}});
    return find_companions(root, choice, links);
}

}  // namespace octet::checkpoint
