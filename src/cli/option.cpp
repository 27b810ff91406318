// The table put together from its rows, and what the text of an option is taken for.
#include "cli/option.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet::cli {

void Given::refuse(const std::string& what) const {
    throw Error(ErrorCode::kUsage, option.name, fmt::format("{} {}", in_quotes(text), what));
}

double Given::number() const {
    const std::optional<double> number = parse_number(text);
    if (!number) refuse("is not a number");
    return *number;
}

std::uint64_t Given::size() const {
    const std::optional<std::uint64_t> size = parse_size(text);
    if (!size) refuse("is not a size; give bytes, or a number with kB, MB, GB, KiB, MiB or GiB");
    return *size;
}

std::uint64_t Given::count(std::uint64_t least, std::uint64_t most, std::string_view advice) const {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
        refuse(fmt::format("is not a number from {} to {}{}", least,
                           most < 10'000 ? std::to_string(most) : with_commas(most), advice));
    return value;
}

std::size_t Given::choice() const {
    std::vector<std::string> names;
    for (const Choice& choice : option.choices) names.emplace_back(choice.name);
    const auto found = std::find(names.begin(), names.end(), text);
    if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
    const auto nearest = nearest_spelling(text, names);
    refuse(fmt::format("is not one of {}{}", fmt::join(names, ", "),
                       nearest ? "; did you mean " + *nearest + "?" : ""));
}

std::optional<std::filesystem::path> Given::path() const {
    return text.empty() ? std::nullopt : std::optional<std::filesystem::path>(text);
}

const std::vector<const Option*>& option_table() {
    static const std::vector<const Option*> table = [] {
        std::vector<const Option*> rows;
        for (const auto part :
             {code_options(), model_options(), show_options(), part_options(), result_options()}) {
            for (const Option& row : part) rows.push_back(&row);
        }
        return rows;
    }();
    return table;
}

std::vector<const Option*> options_of(Commands commands) {
    std::vector<const Option*> rows;
    for (const Option* row : option_table()) {
        if ((row->commands & commands) != 0) rows.push_back(row);
    }
    return rows;
}

std::vector<const Option*> options_of(Commands commands, Group group) {
    std::vector<const Option*> rows = options_of(commands);
    std::erase_if(rows, [&](const Option* row) { return row->group != group; });
    return rows;
}

bool has_words(const Option& option) {
    return std::any_of(option.choices.begin(), option.choices.end(),
                       [](const Choice& c) { return !c.help.empty(); });
}

bool takes_path(const Option& option) {
    constexpr std::array<std::string_view, 4> kPaths = {"FILE", "INPUT", "MODEL2", "MODEL_FOLDER"};
    return std::find(kPaths.begin(), kPaths.end(), option.value) != kPaths.end();
}

}  // namespace octet::cli
