// The rules that rows of the tables of commands and options keep, so that everything made from them
// is sound.
#include <algorithm>
#include <set>

#include "catch.hpp"
#include "cli/command.hpp"
#include "cli/help.hpp"
#include "octet/error.hpp"

using namespace octet;
using namespace octet::cli;

TEST_CASE("every row of the table of options is complete and unambiguous", "[cli]") {
    const auto& table = option_table();
    CHECK(table.size() > 50);
    for (std::size_t i = 0; i < table.size(); ++i) {
        const Option& row = *table[i];
        INFO(row.name);
        CHECK(row.name.starts_with("--"));
        CHECK((row.commands & ~(kEveryCommand | kProgram)) == 0);
        CHECK(row.commands != 0);
        CHECK(!row.help.empty());
        CHECK(row.help.back() != '.');
        CHECK((row.manual.empty() || row.manual.back() == '.'));
        CHECK((row.choices.empty() || !row.value.empty()));
        CHECK((row.set != nullptr) + (row.path != nullptr) ==
              (row.name == "--help" || row.name == "--version" ? 0 : 1));
        for (std::size_t j = 0; j < i; ++j) {
            const bool same =
                table[j]->name == row.name || (row.letter != 0 && table[j]->letter == row.letter);
            CHECK((!same || (table[j]->commands & row.commands) == 0));
        }
        if (!row.choices.empty() && !row.fallback.empty()) {
            CHECK(std::any_of(row.choices.begin(), row.choices.end(),
                              [&](const Choice& choice) { return choice.name == row.fallback; }));
        }
        const auto with_it = options_of(row.commands);
        CHECK((row.needs.empty() ||
               std::any_of(with_it.begin(), with_it.end(),
                           [&](const Option* other) { return other->name == row.needs; })));
    }
}

TEST_CASE("every command has its bit and runs", "[cli]") {
    Commands all = 0;
    for (const Command& command : commands()) {
        INFO(command.name);
        CHECK((all & command.bit) == 0);
        all |= command.bit;
        CHECK(command.run != nullptr);
        CHECK(find_command(command.name) == &command);
        CHECK(help(command).find(std::string(command.summary)) == 0);
    }
    CHECK(all == kEveryCommand);
    for (const std::string_view name : link_names()) CHECK(find_command(name) != nullptr);
}

TEST_CASE("the text of an option is taken for what it says or refused with its name", "[cli]") {
    const Option row = {.name = "--it", .value = "N"};
    const auto given = [&](const std::string& text) { return Given{row, text}.count(2, 20'000); };
    CHECK(given("2") == 2);
    CHECK(given("20000") == 20'000);
    for (const std::string text :
         {"", "1", "20001", "-3", "3x", " 3", "0x3", "99999999999999999999"}) {
        CHECK_THROWS_WITH(given(text), "--it: '" + text + "' is not a number from 2 to 20,000");
    }
}

TEST_CASE("words are wrapped between words and long ones stay whole", "[cli]") {
    CHECK(wrapped("  a bb\n  ccc dddd ", 6) == std::vector<std::string>{"a bb", "ccc", "dddd"});
    CHECK(wrapped("abcdefgh i", 3) == std::vector<std::string>{"abcdefgh", "i"});
    CHECK(wrapped(" \n ", 3).empty());
}
