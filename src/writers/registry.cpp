// The table of output formats: one line each.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.hpp"
#include "octet/error.hpp"
#include "writers/compressed_tensors/compressed_writer.hpp"
#include "writers/gguf/gguf_writer.hpp"
#include "writers/gguf/plan_gguf.hpp"
#include "writers/mlx/mlx_writer.hpp"
#include "writers/octet_set/set_writer.hpp"
#include "writers/output_name.hpp"
#include "writers/quanto/quanto_writer.hpp"
#include "writers/writer.hpp"

namespace octet::writers {
namespace {

template <typename Kind>
std::unique_ptr<Writer> make(const Order& order) {
    return std::make_unique<Kind>(order);
}

void check_folder(const QuantizeOptions& options, const std::filesystem::path& given) {
    check_set_name(given);
    if (!options.engine.empty())
        throw Error(ErrorCode::kUsage, "--for",
                    "names an engine; give --format compressed-tensors, which asks for one");
}

/// What --format names; the first is what is written without it.
constexpr std::array kFolders = {
    OutputFormat{"octet", check_folder, make<SetWriter>},
    OutputFormat{"mlx", check_mlx, make<MlxWriter>, nullptr, true},
    OutputFormat{"compressed-tensors", check_compressed, make<CompressedWriter>},
    OutputFormat{"quanto", check_quanto, make<QuantoWriter>},
};

/// What --type asks for.
constexpr OutputFormat kFile{"gguf", check_gguf, make<GgufWriter>, plan_gguf};

}  // namespace

const OutputFormat& format_of(const QuantizeOptions& options) {
    if (!options.type.empty() && !options.format.empty())
        throw Error(ErrorCode::kUsage, "--type and --format",
                    "each says what is written; give one of the two");
    if (options.format == kFile.name)
        throw Error(ErrorCode::kUsage, "--format",
                    "names folders; --type says what a GGUF file holds");
    if (!options.type.empty()) return kFile;
    const std::string_view name =
        options.format.empty() ? kFolders.front().name : std::string_view(options.format);
    const auto found = std::find_if(kFolders.begin(), kFolders.end(),
                                    [&](const OutputFormat& one) { return one.name == name; });
    if (found != kFolders.end()) return *found;
    std::vector<std::string> names;
    for (const OutputFormat& one : kFolders) names.emplace_back(one.name);
    const auto nearest = nearest_spelling(name, names);
    throw Error(ErrorCode::kUsage, "--format",
                fmt::format("{} is not one of {}{}", in_quotes(name), fmt::join(names, ", "),
                            nearest ? "; did you mean " + *nearest + "?" : ""));
}

}  // namespace octet::writers
