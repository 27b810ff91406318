// The options about outputs that are made in parts: which one, and what join does with them.
#include <charconv>

#include <fmt/format.h>

#include "cli/option.hpp"

namespace octet::cli {
namespace {

void set_part(Arguments& arguments, const Given& given) {
    const std::string_view text = given.text;
    const std::size_t slash = text.find('/');
    const auto number_of = [](std::string_view digits) -> std::optional<std::uint32_t> {
        std::uint32_t number = 0;
        const char* const end = digits.data() + digits.size();
        const auto result = std::from_chars(digits.data(), end, number);
        if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
        return number;
    };
    const auto number = number_of(text.substr(0, slash));
    const auto count = number_of(slash == text.npos ? "" : text.substr(slash + 1));
    if (!number || !count || *number < 1 || *number > *count || *count > kMostParts)
        given.refuse(fmt::format("is no part K/N with K from 1 to N, and N up to {}", kMostParts));
    arguments.part = Part{*number, *count};
}

constexpr Option kOptions[] = {
    {
        .name = "--part",
        .value = "K/N",
        .commands = kQuantize,
        .group = Group::kWrite,
        .help = "make part K of N alone, for octet join",
        .manual = R"(Makes part K of N of the output and leaves it in a hidden folder beside OUT, on
            this machine or any other that sees INPUT and OUT, in any order. `octet join OUT` makes
            the output of all of them ([Parts](#parts)). A part that is done is not made again.)",
        .set = set_part,
    },
    {
        .name = "--plan",
        .value = "FILE",
        .commands = kQuantize,
        .group = Group::kWrite,
        .help = "of --part: the plan that octet plan -o FILE wrote",
        .manual = R"(Of `--part`: the JSON that `octet plan -o FILE` wrote with the same options and
            `--scan` or the planner's. What values decide is then taken from it, so that no part
            looks at all of them; `--max-size` and `--target-sqnr` need it.)",
        .needs = "--part",
        .set = [](Arguments& a, const Given& given) { a.coding.plan = given.path(); },
    },
    {
        .name = "--resume",
        .commands = kQuantize,
        .group = Group::kWrite,
        .help = "go on where an interrupted run with --resume was",
        .manual = R"(Works in pieces of about 256 MiB of the source, at least 16 of them, and leaves
            those that are done in a hidden folder beside OUT until the last one is
            ([Parts](#parts)). The same command goes on behind them after a kill, an
            interruption or a full disk.)",
        .set = [](Arguments& a, const Given& given) { a.resume = given.is_on(); },
    },
    {
        .name = "--source",
        .value = "INPUT",
        .commands = kJoin,
        .group = Group::kWrite,
        .help = "the checkpoint, where it is not at the path that the parts had",
        .set = [](Arguments& a, const Given& given) { a.join.source = given.path(); },
    },
    {
        .name = "--verify",
        .commands = kJoin,
        .group = Group::kWrite,
        .help = "read all data, and hold it against the checksums of the parts",
        .set = [](Arguments& a, const Given& given) { a.join.verify = given.is_on(); },
    },
    {
        .name = "--discard",
        .commands = kJoin,
        .group = Group::kWrite,
        .help = "remove the parts instead",
        .set = [](Arguments& a, const Given& given) { a.discard = given.is_on(); },
    },
};

}  // namespace

std::span<const Option> part_options() {
    return kOptions;
}

}  // namespace octet::cli
