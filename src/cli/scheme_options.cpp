#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "octet/error.hpp"

namespace octet::cli {
namespace {

/// A whole number from `least` to `most`.
std::uint32_t number_of(std::string_view option, const std::string& text, std::uint32_t least, std::uint32_t most) {
    const bool digits = !text.empty() && text.size() <= 6 && text.find_first_not_of("0123456789") == text.npos;
    const unsigned long value = digits ? std::stoul(text) : 0;
    if (digits && value >= least && value <= most) return static_cast<std::uint32_t>(value);
    throw Error(ErrorCode::kUsage, option,
                fmt::format("{} is not a number from {} to {}", in_quotes(text), least, most));
}

template <typename Enum>
std::optional<Enum> choice(std::string_view option, const std::optional<std::string>& value,
                           const std::vector<std::string>& choices) {
    if (!value) return std::nullopt;
    return static_cast<Enum>(choice_of(option, *value, choices));
}

void set_range(const std::string& text, SchemeOptions& options) {
    constexpr std::string_view kPercentile = "percentile:";
    if (!text.starts_with(kPercentile)) {
        options.range = choice<RangeSearch>("--range", text, {"minmax", "mse", "percentile:P"});
        if (options.range != RangeSearch::kPercentile) return;
    }
    options.range = RangeSearch::kPercentile;
    const auto ppm = parse_percentile(std::string_view(text).substr(kPercentile.size()));
    if (!ppm)
        throw Error(ErrorCode::kUsage, "--range",
                    in_quotes(text) + " is no percentile above 50 and below 100 with at most four decimal places");
    options.percentile_ppm = *ppm;
}

}  // namespace

void add_scheme_options(CLI::App& command, SchemeArguments& arguments) {
    command.add_option("--bits", arguments.bits, "of one code: 8, 6, 5, 4, 3 or 2 (default 8)");
    command.add_option("--granularity", arguments.granularity,
                       "one scale per tensor, channel or group (default tensor)");
    command.add_option("--group-size", arguments.group_size, "inputs of one group, 16 to 1024 (default 64)");
    command.add_option("--axis", arguments.axis, "of the outputs: auto (default), 0 or 1");
    command.add_flag("--symmetric", arguments.symmetric, "codes around 0, no zero point");
    command.add_option("--zero-point", arguments.zero_point, "real (default: the value of code 0) or integer");
    command.add_option("--rounding", arguments.rounding, "nearest (default: ties to even) or truncate");
    command.add_option("--range", arguments.range, "minmax (default), mse or percentile:P");
    command.add_option("--scale-dtype", arguments.scale_dtype,
                       "of channels and groups: f32 (default), f16, bf16 or two-level");
}

SchemeOptions scheme_options_of(const SchemeArguments& arguments) {
    SchemeOptions options;
    if (arguments.bits) {
        options.bits = number_of("--bits", *arguments.bits, 2, 8);
        if (*options.bits == 7) throw Error(ErrorCode::kUsage, "--bits", "7 is not one of 2, 3, 4, 5, 6, 8");
    }
    options.granularity = choice<Granularity>("--granularity", arguments.granularity, {"tensor", "channel", "group"});
    if (arguments.group_size)
        options.group_size = number_of("--group-size", *arguments.group_size, kLeastGroupSize, kMostGroupSize);
    options.axis = choice<OutputAxis>("--axis", arguments.axis, {"auto", "0", "1"});
    if (options.axis == OutputAxis::kAuto) options.axis.reset();
    if (arguments.symmetric) options.symmetric = true;
    options.zero_point = choice<ZeroPoint>("--zero-point", arguments.zero_point, {"real", "integer"});
    options.rounding = choice<Rounding>("--rounding", arguments.rounding, {"nearest", "truncate"});
    if (arguments.range) set_range(*arguments.range, options);
    options.scale_dtype =
        choice<ScaleDtype>("--scale-dtype", arguments.scale_dtype, {"f32", "f16", "bf16", "two-level"});
    return options;
}

}  // namespace octet::cli
