// Walks the folder and its subfolders once. What is left out, and why, is noted for the report:
// weights of other formats, what is too large, links that lead out of the folder.
#include "checkpoint/companions.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "base/set_names.hpp"
#include "base/text.hpp"
#include "io/names.hpp"
#include "io/subfolders.hpp"

namespace octet::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNotChosen = "--companions known";

/// What octet copied before it copied everything.
bool is_known(std::string_view name) {
    static constexpr std::array<std::string_view, 5> kExact = {
        "config.json", "generation_config.json", "merges.txt", "special_tokens_map.json",
        "added_tokens.json"};
    static constexpr std::array<std::string_view, 4> kStarts = {"tokenizer", "vocab.", "LICENSE",
                                                                "README"};
    const bool exact = std::find(kExact.begin(), kExact.end(), name) != kExact.end();
    const bool start = std::any_of(kStarts.begin(), kStarts.end(),
                                   [&](std::string_view s) { return name.starts_with(s); });
    return exact || start || name.ends_with(".model");
}

bool is_other_frameworks(std::string_view name) {
    static constexpr std::array<std::string_view, 24> kEnds = {".bin",
                                                               ".pt",
                                                               ".pth",
                                                               ".ckpt",
                                                               ".h5",
                                                               ".hdf5",
                                                               ".keras",
                                                               ".onnx",
                                                               ".gguf",
                                                               ".ggml",
                                                               ".msgpack",
                                                               ".tflite",
                                                               ".ot",
                                                               ".pb",
                                                               ".pdparams",
                                                               ".onnx_data",
                                                               ".pkl",
                                                               ".pickle",
                                                               ".npz",
                                                               ".mlmodel",
                                                               ".nemo",
                                                               ".onnx.data",
                                                               ".safetensors.gz",
                                                               ".mlpackage"};
    std::string lower(name);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return std::any_of(kEnds.begin(), kEnds.end(),
                       [&](std::string_view end) { return lower.ends_with(end); });
}

/// The weights of a module of the model (2_Dense), where they are not there as safetensors, too.
bool is_modules_own(const fs::path& path, std::size_t depth) {
    return depth > 0 && path.filename() == "pytorch_model.bin" &&
           !io::exists(path.parent_path() / "model.safetensors");
}

class Collector {
  public:
    Collector(const Checkpoint& checkpoint, CompanionChoice choice, io::Links links)
        : checkpoint_(checkpoint), choice_(choice), links_(links) {}

    Companions collect() {
        if (choice_ != CompanionChoice::kNone) add_folder(checkpoint_.folder, "", 0);
        return std::move(found_);
    }

  private:
    void leave_out(const std::string& name, std::string why) {
        found_.left_out.push_back({name, std::move(why)});
    }

    bool is_of_checkpoint(const std::string& name) const {
        if (checkpoint_.index && name == checkpoint_.index->name) return true;
        return std::any_of(checkpoint_.shards.begin(), checkpoint_.shards.end(),
                           [&](const Shard& shard) { return shard.base_name == name; });
    }

    void add_folder(const fs::path& folder, const std::string& prefix, std::size_t depth) {
        for (const std::string& base : io::folder_names(folder)) {
            if (base.starts_with('.') || (depth == 0 && is_of_checkpoint(base))) continue;
            if (depth > 0 && ++entries_ > kMostSubfolderEntries) return;
            const std::string name = prefix + base;
            if (!is_utf8(base)) {
                leave_out(name, "its name is not UTF-8");
            } else if (depth == 0 && is_octets_own(base)) {
                leave_out(name, "a name of octet's own");
            } else {
                add_entry(folder / base, name, depth);
            }
        }
    }

    void add_entry(const fs::path& path, const std::string& name, std::size_t depth) {
        const io::EntryKind kind = io::kind_at(path);
        const io::LinkTarget target = io::link_target(checkpoint_.folder, path);
        if (target == io::LinkTarget::kNone && kind == io::EntryKind::kNothing)
            io::throw_io_error(path, "look for", ENOENT);  // listed, and gone
        if (choice_ == CompanionChoice::kKnown && (kind != io::EntryKind::kFile || !is_known(name)))
            return leave_out(name, std::string(kNotChosen));
        if (target == io::LinkTarget::kNowhere) return leave_out(name, "a link that leads nowhere");
        if (!io::may_follow(target, links_)) return leave_out(name, "a link out of the folder");
        if (kind == io::EntryKind::kFolder)
            return add_subfolder(path, name, depth, target != io::LinkTarget::kNone);
        if (kind != io::EntryKind::kFile) return leave_out(name, "no regular file");
        add_file(path, name, depth);
    }

    void add_file(const fs::path& path, const std::string& name, std::size_t depth) {
        if (depth == 0 && name.ends_with(".safetensors"))
            return leave_out(name, "another checkpoint's weights");
        if (is_other_frameworks(name) && !is_modules_own(path, depth))
            return leave_out(name, "another framework's weights");
        const std::uint64_t bytes = io::File::open_for_reading(path).size();
        if (bytes > kMostCompanionBytes)
            return leave_out(name, fmt::format("{}, larger than {}", si_size(bytes),
                                               si_size(kMostCompanionBytes)));
        found_.copied.push_back({name, path, bytes});
    }

    /// Whole, or not at all where it is no small one.
    void add_subfolder(const fs::path& path, const std::string& name, std::size_t depth,
                       bool is_link) {
        if (is_link && links_ == io::Links::kOwn)
            return leave_out(name + "/", "a link to a folder");
        if (depth == 0 && name.ends_with(".safetensors"))
            return leave_out(name + "/", "a folder named like weights");
        if (depth == 0 && name.starts_with("checkpoint-"))
            return leave_out(name + "/", "another checkpoint");
        if (io::exists(path / kSidecarName)) return leave_out(name + "/", "a quantized set");
        if (depth + 2 > io::kMostNameParts) {
            entries_ = kMostSubfolderEntries + 1;
            return;
        }
        if (depth > 0) return add_folder(path, name + "/", depth + 1);
        const Companions before = found_;
        entries_ = 0;
        add_folder(path, name + "/", depth + 1);
        if (entries_ <= kMostSubfolderEntries) return;
        found_ = before;
        leave_out(name + "/",
                  fmt::format("a folder with more than {} entries, or deeper than {} levels",
                              with_commas(kMostSubfolderEntries), io::kMostNameParts));
    }

    const Checkpoint& checkpoint_;
    CompanionChoice choice_;
    io::Links links_;
    Companions found_;
    std::size_t entries_ = 0;  ///< of the subfolder that is being looked through
};

}  // namespace

Companions find_companions(const Checkpoint& checkpoint, CompanionChoice choice, io::Links links) {
    if (!checkpoint.is_folder) return {};
    Companions found = Collector(checkpoint, choice, links).collect();
    std::sort(found.copied.begin(), found.copied.end(),
              [](const Companion& a, const Companion& b) { return a.name < b.name; });
    return found;
}

std::uint64_t total_bytes(const Companions& companions) {
    std::uint64_t bytes = 0;
    for (const Companion& companion : companions.copied) bytes += companion.byte_count;
    return bytes;
}

std::string left_out_line(const std::vector<LeftOut>& left_out) {
    constexpr std::size_t kMost = 5;
    std::map<std::string, std::pair<std::size_t, std::string>> by_reason;
    for (const LeftOut& one : left_out) {
        if (one.why == kNotChosen) continue;
        auto& [count, names] = by_reason[one.why];
        if (++count <= kMost) names += (count > 1 ? ", " : "") + printable(one.name);
    }
    std::string line;
    for (const auto& [why, found] : by_reason) {
        const auto& [count, names] = found;
        const std::string more =
            count > kMost ? fmt::format(" and {} more", with_commas(count - kMost)) : "";
        line += fmt::format("{}{}{} ({})", line.empty() ? "left out: " : "; ", names, more, why);
    }
    return line;
}

}  // namespace octet::checkpoint
