// The other files are found by the name of the one that was given and its split keys; no two of
// them may have a tensor of one name. Figures of octet count only where all of them can be.
#include "formats/gguf/gguf_file.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include <fmt/format.h>

#include "base/text.hpp"
#include "checkpoint/checkpoint.hpp"
#include "formats/gguf/read_values.hpp"
#include "formats/safetensors/foreign.hpp"
#include "io/names.hpp"
#include "octet/error.hpp"

namespace octet::gguf {
namespace {

namespace fs = std::filesystem;

/// No model has more files.
constexpr std::uint64_t kMostFiles = 10'000;

/// What a file says of the files that it belongs to.
struct Split {
    std::uint64_t number = 0;  ///< from 0 on
    std::uint64_t count = 1;
    std::optional<std::uint64_t> tensors;  ///< of all files
};

[[noreturn]] void refuse(const io::File& file, const std::string& what) {
    throw Error(ErrorCode::kBadInput, printable(file.name()), what);
}

Split split_of(const io::File& file, const Header& header) {
    const auto number = [&](std::string_view name) {
        return whole_number(find_key(header.keys, name));
    };
    Split split;
    split.number = number("split.no").value_or(0);
    split.count = std::max<std::uint64_t>(number("split.count").value_or(1), 1);
    split.tensors = number("split.tensors.count");
    if (split.count > kMostFiles || split.number >= split.count)
        refuse(file, fmt::format(
                         "key \"split.no\" is {} of {} files; the file is damaged: fetch it again",
                         split.number, split.count));
    return split;
}

bool has_magic(const io::File& file) {
    std::string magic(kMagic.size(), '\0');
    if (file.size() < magic.size()) return false;
    file.read_at(std::as_writable_bytes(std::span(magic)), 0);
    return magic == kMagic;
}

/// What gguf-split calls file `number` of `count`.
std::string split_ending(std::uint64_t number, std::uint64_t count) {
    return fmt::format("-{:05}-of-{:05}.gguf", number + 1, count);
}

std::string prefix_of(const io::File& file, const std::string& base_name, const Split& split) {
    const std::string ending = split_ending(split.number, split.count);
    if (base_name.size() > ending.size() && base_name.ends_with(ending))
        return base_name.substr(0, base_name.size() - ending.size());
    refuse(file, fmt::format("is file {} of {}, and its name does not end in {}, so that the "
                             "others cannot be found; "
                             "rename it",
                             split.number + 1, split.count, ending));
}

/// One for each of the infos; none where octet did not write the file, or not so many.
std::vector<Figures> figures_of(const io::File& file, const Header& header) {
    const std::size_t count = header.tensors.size();
    const auto read = [&](std::string_view name) {
        const ReadKey* const key = find_key(header.keys, name);
        return key == nullptr ? std::nullopt : numbers_of(file, *key, count);
    };
    const auto sqnr_db = read("octet.sqnr_db");
    const auto rmse = read("octet.rmse");
    const auto max_abs_error = read("octet.max_abs_error");
    if (!sqnr_db || !rmse || !max_abs_error) return {};
    if (sqnr_db->size() != count || rmse->size() != count || max_abs_error->size() != count)
        return {};
    std::vector<Figures> figures;
    for (std::size_t i = 0; i < count; ++i) {
        const Figures one{(*sqnr_db)[i], (*rmse)[i], (*max_abs_error)[i]};
        const bool can_be = !std::isnan(one.sqnr_db) && one.rmse >= 0 && std::isfinite(one.rmse) &&
                            one.max_abs_error >= 0 && std::isfinite(one.max_abs_error);
        if (!can_be) return {};
        figures.push_back(one);
    }
    return figures;
}

class Opening {
  public:
    Opening(const fs::path& path, io::Links links) : links_(links) {
        opened_.folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
        io::File named = io::File::open_for_reading(path);
        if (!has_magic(named)) safetensors::refuse_foreign(named);  // a pointer, a web page
        Header header = read_header(named);
        const Split split = split_of(named, header);
        if (split.count == 1) {
            take(std::move(named), path.filename().native(), std::move(header));
        } else {
            take_all(path.parent_path(), prefix_of(named, path.filename().native(), split), split);
        }
        refuse_twins();
    }

    GgufFile opened() && { return std::move(opened_); }

  private:
    /// The keys of the first file are the model's.
    void take(io::File file, std::string base_name, Header&& header) {
        const auto number = static_cast<std::uint32_t>(opened_.files.size());
        const std::vector<Figures> figures = figures_of(file, header);
        for (ReadTensor& tensor : header.tensors) {
            tensor.file = number;
            opened_.figures.push_back(figures.empty() ? std::nullopt
                                                      : std::optional(figures[tensor.number]));
            opened_.tensors.push_back(std::move(tensor));
        }
        if (number == 0) {
            opened_.keys = std::move(header.keys);
            opened_.version = header.version;
        }
        opened_.files.push_back(std::move(file));
        opened_.base_names.push_back(std::move(base_name));
    }

    /// `parent` is the folder as it was given, which may be empty.
    void take_all(const fs::path& parent, const std::string& prefix, const Split& all) {
        std::optional<std::uint64_t> tensors;
        for (std::uint64_t i = 0; i < all.count; ++i) {
            const std::string name = prefix + split_ending(i, all.count);
            io::check_plain_name(opened_.folder, name, name, links_);
            if (!io::exists(parent / name))
                throw Error(
                    ErrorCode::kBadInput, printable((parent / name).native()),
                    fmt::format(
                        "not found: the model is in {} files, and this is one of them; fetch it",
                        all.count));
            io::File file = io::File::open_for_reading(parent / name);
            Header header = read_header(file);
            const Split split = split_of(file, header);
            if (split.number != i || split.count != all.count)
                refuse(file, fmt::format("says that it is file {} of {}; fetch it again",
                                         split.number + 1, split.count));
            if (i == 0) tensors = split.tensors;
            take(std::move(file), name, std::move(header));
        }
        if (tensors && *tensors != opened_.tensors.size())
            refuse(opened_.files.front(), fmt::format("key \"split.tensors.count\" is {}, and its "
                                                      "{} files have {} tensors; fetch them again",
                                                      *tensors, all.count, opened_.tensors.size()));
    }

    /// A name in two files.
    void refuse_twins() const {
        std::unordered_map<std::string_view, std::uint32_t> files;
        for (const ReadTensor& tensor : opened_.tensors) {
            const auto [found, is_new] = files.emplace(tensor.name, tensor.file);
            if (!is_new)
                refuse(opened_.files[tensor.file],
                       fmt::format("tensor {} is also in {}; fetch the files again",
                                   in_quotes(tensor.name),
                                   printable(opened_.base_names[found->second])));
        }
    }

    io::Links links_;
    GgufFile opened_;
};

}  // namespace

GgufFile open_gguf(const fs::path& path, io::Links links) {
    return Opening(checkpoint::locate(path).path, links).opened();
}

}  // namespace octet::gguf
