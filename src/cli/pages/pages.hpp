// What is made from the tables of commands and options at build time, and installed: the manual
// pages, the completions of three shells, and the reference in docs/cli.md. Each function returns a
// whole file.
#pragma once

#include <string>
#include <string_view>

#include "cli/command.hpp"

namespace octet::cli {

/// A page of section 1 for groff and mandoc; `date` is YYYY-MM-DD. The program's own page is
/// octet.1.
std::string man_page(const Command& command, std::string_view date);

std::string bash_completion();
std::string zsh_completion();
std::string fish_completion();

/// `document` with what stands between its markers made anew. A marker that nothing is made for is
/// a std::runtime_error.
std::string with_reference(std::string_view document);

/// The paragraph of an option, a choice or a fact for documents: a sentence, with its period.
std::string sentence(std::string_view text);

/// What the manual and the reference say of an option besides its choices.
std::string paragraph_of(const Option& option);

/// "a|b|c".
std::string choices_of(const Option& option);

}  // namespace octet::cli
