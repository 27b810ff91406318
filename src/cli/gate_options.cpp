#include <CLI/CLI.hpp>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "octet/error.hpp"

namespace octet::cli {
std::optional<std::uint64_t> size_of(std::string_view option, const std::optional<std::string>& text) {
    if (!text) return std::nullopt;
    const std::optional<std::uint64_t> size = parse_size(*text);
    if (!size)
        throw Error(ErrorCode::kUsage, option,
                    in_quotes(*text) + " is not a size; give bytes, or a number with kB, MB, GB, KiB, MiB or GiB");
    return size;
}

std::optional<double> number_of(std::string_view option, const std::optional<std::string>& text) {
    if (!text) return std::nullopt;
    const std::optional<double> number = parse_number(*text);
    if (!number) throw Error(ErrorCode::kUsage, option, in_quotes(*text) + " is not a number");
    return number;
}

void add_gate_options(CLI::App& command, GateArguments& arguments) {
    command.add_option("--min-sqnr-tensor", arguments.min_sqnr_tensor, "DB: exit 1 if any tensor's SQNR is lower");
    command.add_option("--min-sqnr", arguments.min_sqnr, "DB: exit 1 if the SQNR over all values is lower");
    command.add_option("--max-abs-error", arguments.max_abs_error, "exit 1 if any value is further off");
    command.add_option("--max-output-size", arguments.max_output_size,
                       "SIZE, as in 70MB or 1.5GiB: exit 1 if the data files are larger");
}

Gates gates_of(const GateArguments& arguments) {
    Gates gates;
    gates.min_sqnr_tensor = number_of("--min-sqnr-tensor", arguments.min_sqnr_tensor);
    gates.min_sqnr = number_of("--min-sqnr", arguments.min_sqnr);
    gates.max_abs_error = number_of("--max-abs-error", arguments.max_abs_error);
    gates.max_output_size = size_of("--max-output-size", arguments.max_output_size);
    return gates;
}

}  // namespace octet::cli
