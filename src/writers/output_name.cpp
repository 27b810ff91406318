// Endings of weight files and archives are one table; what is there already is taken as it is.
#include "writers/output_name.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/text.hpp"
#include "io/file.hpp"
#include "octet/error.hpp"

namespace octet::writers {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const fs::path& given, const std::string& what) {
    throw Error(ErrorCode::kUsage, printable(given.native()), what);
}

std::string name_of(const fs::path& given) {
    return given.has_filename() ? given.filename().native()
                                : given.parent_path().filename().native();
}

bool is_there(const fs::path& given) {
    return io::kind_at(given) == io::EntryKind::kFolder;
}

/// The ending of a file of weights, or of what weights are packed in.
std::string_view file_ending(std::string_view name) {
    static constexpr std::array<std::string_view, 16> kEndings = {
        ".bin", ".pt",  ".pth", ".ckpt",   ".h5",     ".onnx",  ".gguf", ".msgpack",
        ".npz", ".zip", ".tar", ".tar.gz", ".tflite", ".keras", ".json", ".pkl"};
    const auto found = std::find_if(kEndings.begin(), kEndings.end(), [&](std::string_view ending) {
        return name.size() > ending.size() && name.ends_with(ending);
    });
    return found == kEndings.end() ? std::string_view() : *found;
}

}  // namespace

void check_set_name(const fs::path& given) {
    const std::string name = name_of(given);
    if (given == "-")
        refuse(
            given,
            "is no folder: a set is several files and cannot go to standard output; name a folder");
    constexpr std::string_view kPlain = ".safetensors";
    if (is_gguf_name(given) && io::kind_at(given) != io::EntryKind::kFolder)
        refuse(given,
               "is the name of a GGUF file, which needs a type; give one, such as --type q4_k_m");
    const std::string_view ending =
        name.ends_with(kPlain) && name.size() > kPlain.size() ? kPlain : file_ending(name);
    if (ending.empty() || io::kind_at(given) != io::EntryKind::kNothing) return;
    refuse(
        given,
        fmt::format("reads like the name of a {} file, but a set is a folder; name one, such as {}",
                    ending, in_quotes(name.substr(0, name.size() - ending.size()))));
}

bool is_gguf_name(const fs::path& given) {
    return given.filename().native().ends_with(".gguf");
}

void check_gguf_name(const fs::path& given) {
    if (given == "-")
        refuse(given, "is no place: a GGUF file cannot go to standard output; name a file");
    if (!is_gguf_name(given))
        refuse(given, "does not end in .gguf, as the name of a file of --type has to");
}

void check_restored_name(const fs::path& given) {
    const std::string name = name_of(given);
    if (given == "-")
        refuse(given,
               "is no place: a checkpoint cannot go to standard output; name a .safetensors file "
               "or a folder");
    const std::string_view ending = file_ending(name);
    if (ending.empty() || is_there(given)) return;
    if (io::kind_at(given) != io::EntryKind::kNothing) return;  // a file, which is refused for that
    refuse(given, fmt::format("reads like the name of a {} file, which octet does not write; name "
                              "a .safetensors file or a "
                              "folder",
                              ending));
}

}  // namespace octet::writers
