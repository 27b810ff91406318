// The table of output formats: one line each.
#include <algorithm>
#include <array>

#include "writers/gguf/gguf_writer.hpp"
#include "writers/octet_set/set_writer.hpp"
#include "writers/output_name.hpp"
#include "writers/writer.hpp"

namespace octet::writers {
namespace {

template <typename Kind>
std::unique_ptr<Writer> make(const Order& order) {
    return std::make_unique<Kind>(order);
}

void check_folder(const QuantizeOptions& /*options*/, const std::filesystem::path& given) {
    check_set_name(given);
}

constexpr std::array kFormats = {
    OutputFormat{"octet", check_folder, make<SetWriter>},
    OutputFormat{"gguf", check_gguf, make<GgufWriter>},
};

}  // namespace

const OutputFormat& format_of(const QuantizeOptions& options) {
    const std::string_view name = options.type.empty() ? "octet" : "gguf";
    return *std::find_if(kFormats.begin(), kFormats.end(), [&](const OutputFormat& one) { return one.name == name; });
}

}  // namespace octet::writers
