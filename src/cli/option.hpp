// The table of options: one row says all that there is to know about one option. Parsing
// (parse.cpp), --help (help.cpp), and at build time the reference of docs/cli.md, the manual pages
// and the shells' completions (pages/) are made from it, so none of them can disagree.
//
// To add an option, add a row to the options_*.cpp that its heading belongs to, and where it is
// something new a member to Arguments, then run scripts/reference.sh. A name may have several rows
// where commands mean different things by it.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.hpp"

namespace octet::cli {

/// A set of commands, one bit each, in the order of kCommands in command.cpp.
using Commands = std::uint32_t;
inline constexpr Commands kQuantize = 1U << 0U;
inline constexpr Commands kDequantize = 1U << 1U;
inline constexpr Commands kInspect = 1U << 2U;
inline constexpr Commands kVerify = 1U << 3U;
inline constexpr Commands kCompare = 1U << 4U;
inline constexpr Commands kPlan = 1U << 5U;
inline constexpr Commands kGenerate = 1U << 6U;
inline constexpr Commands kEvaluate = 1U << 7U;
inline constexpr Commands kCalibrate = 1U << 8U;
inline constexpr Commands kShowTensor = 1U << 9U;
inline constexpr Commands kJoin = 1U << 10U;
inline constexpr Commands kWriting =
    kQuantize | kDequantize | kCalibrate | kJoin;  ///< Arguments::output is written
inline constexpr Commands kEveryCommand = (1U << 11U) - 1;
inline constexpr Commands kProgram = 1U << 31U;  ///< octet itself, before any command

/// The headings of --help, in their order: what one wants to do.
enum class Group : std::uint8_t {
    kChoose,
    kScheme,
    kPrompt,
    kSampling,
    kText,
    kAgainst,
    kShow,
    kGates,
    kWrite,
    kRun,
};
inline constexpr std::array<std::string_view, 10> kGroupTitles = {
    "Choose what is quantized, and how well",
    "Set the scheme yourself",
    "Give the prompt",
    "Choose the next tokens",
    "Give the text",
    "Hold it against another",
    "Choose what is shown",
    "Refuse what is not good enough",
    "Write the result",
    "Run and report",
};

/// One value of a closed list. Where a name ends in ":P", it stands for all values that begin like
/// it.
struct Choice {
    std::string_view name;
    std::string_view help = {};  ///< a line; empty where the name says it
};

struct Given;

struct Option {
    std::string_view name;        ///< "--max-size"
    char letter = 0;              ///< 'o', where -o is the same
    std::string_view value = {};  ///< "SIZE"; empty: a flag
    Commands commands = 0;        ///< who has it
    Group group = Group::kRun;    ///< its heading
    std::string_view help = {};   ///< one line, without the choices and the default
    std::string_view manual =
        {};  ///< a paragraph of Markdown for documents; empty: `help` says it all
    std::span<const Choice> choices = {};  ///< the only values it takes
    std::string_view fallback = {};        ///< what holds where it is not given, as text
    bool repeatable = false;      ///< may be given more than once; each time with one value
    bool required = false;        ///< the command does not go without
    std::string_view needs = {};  ///< another option, without which it is refused
    bool alone = false;           ///< refused beside paths, and options of other headings than kRun
    std::string Arguments::*path = nullptr;  ///< where its text goes, instead of `set`
    void (*set)(Arguments& arguments,
                const Given& given) = nullptr;  ///< once for each value; kUsage
};

/// An option as it was given on the command line. What it should be and is not is kUsage, naming
/// the option.
struct Given {
    const Option& option;
    const std::string& text;

    /// False of a flag that was given as --flag=false.
    bool is_on() const { return text == "true"; }

    double number() const;
    std::uint64_t size() const;
    /// A whole number in these bounds; `advice` ends the error's line.
    std::uint64_t count(std::uint64_t least, std::uint64_t most,
                        std::string_view advice = {}) const;

    /// The index into the option's choices.
    std::size_t choice() const;

    /// The choices stand in the order of the enumeration.
    template <typename Enum>
    Enum choice_of() const {
        return static_cast<Enum>(choice());
    }

    /// Nothing where it is empty.
    std::optional<std::filesystem::path> path() const;

    /// "'x' is not ...", as this option's error.
    [[noreturn]] void refuse(const std::string& what) const;
};

// The rows, a file each.
std::span<const Option> code_options();    ///< what decides the codes
std::span<const Option> model_options();   ///< of running models
std::span<const Option> show_options();    ///< of show alone
std::span<const Option> part_options();    ///< of outputs that are made in parts
std::span<const Option> result_options();  ///< everything else

/// All rows, in the order in which they are set and shown.
const std::vector<const Option*>& option_table();

/// The rows of any of these commands.
std::vector<const Option*> options_of(Commands commands);
std::vector<const Option*> options_of(Commands commands, Group group);

/// True where its choices have words of their own.
bool has_words(const Option& option);

/// True where values are paths of files or folders.
bool takes_path(const Option& option);

}  // namespace octet::cli
