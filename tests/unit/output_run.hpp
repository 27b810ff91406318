// What the tests of output share: a run to a folder, and what lies in one.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "io/output.hpp"
#include "support.hpp"

namespace octet::test {

namespace fs = std::filesystem;

inline const std::string kLast = "quantization_state.json";
inline const std::vector<std::string> kOldFiles{"old-data.safetensors", "config.json", kLast};

/// Names and contents of everything in a folder, hidden files too.
inline std::vector<std::string> content_of(const fs::path& folder) {
    std::vector<std::string> content;
    for (const auto& entry : fs::directory_iterator(folder)) {
        const std::string name = entry.path().filename().native();
        if (entry.is_symlink()) {
            content.push_back(name + "->" + fs::read_symlink(entry.path()).native());
        } else {
            content.push_back(entry.is_directory() ? name + "/"
                                                   : name + "=" + read_file(entry.path()));
        }
    }
    std::sort(content.begin(), content.end());
    return content;
}

inline std::vector<std::string> set_of(const std::string& age) {
    std::vector<std::string> content{"model.octet.safetensors=" + age, "config.json=" + age,
                                     kLast + "=" + age};
    std::sort(content.begin(), content.end());
    return content;
}

/// A run to a folder: claimed, begun, and its files written.
struct Run {
    explicit Run(const fs::path& target, bool sync = false)
        : output(target, io::Output::Kind::kFolder, kLast, sync, notes) {
        output.begin();
        const std::vector<std::string> names{"model.octet.safetensors", "config.json", kLast};
        output.build(names);
        for (const std::string& name : names) io::write_text(output.create(name, 3), "new", sync);
    }
    std::vector<std::string> notes;
    io::Output output;
};

inline void write_old_set(const fs::path& target) {
    fs::create_directory(target);
    for (const std::string& name : kOldFiles) write_file(target / name, "old");
}

}  // namespace octet::test
