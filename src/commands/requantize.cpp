// The plain checkpoint is made by dequantize() itself, all or nothing, in each weight's own dtype.
#include "commands/requantize.hpp"

#include <random>

#include <fmt/format.h>

#include "base/text.hpp"
#include "codecs/open_source.hpp"
#include "octet/octet.hpp"

namespace octet::commands {
namespace {

namespace fs = std::filesystem;

/// "gptq"; empty of a plain checkpoint.
std::string method_of(const fs::path& input, io::Links links) {
    const auto source = codecs::open_source(input, links);
    if (source->what() == formats::FloatSource::What::kCheckpoint) return "";
    return std::string(source->format());
}

fs::path hidden_beside(const fs::path& out) {
    std::error_code ignored;
    const fs::path whole = fs::absolute(out, ignored);
    const fs::path target = whole.has_filename() ? whole : whole.parent_path();
    const unsigned number = std::random_device()();
    return target.parent_path() /
           fmt::format(".{}.octet-plain-{:08x}", target.filename().native(), number);
}

}  // namespace

PlainInput::PlainInput(const fs::path& input, const fs::path& out, const QuantizeOptions& options)
    : path_(input) {
    if (!options.requantize) return;
    const std::string method = method_of(input, io::links_of(options.write.follow_links));
    if (method.empty()) return;
    const fs::path made = hidden_beside(out);
    DequantizeOptions restoring;
    restoring.write = options.write;
    restoring.write.sha256 = false;
    restoring.write.sync = false;
    dequantize(input, made, restoring);
    path_ = made_ = made;
    note_ = fmt::format("quantized again: the errors of {} and of this add up", printable(method));
}

PlainInput::~PlainInput() {
    std::error_code ignored;
    if (!made_.empty()) fs::remove_all(made_, ignored);
}

}  // namespace octet::commands
