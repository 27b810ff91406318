// octet_pages: writes what is made from the tables, when octet is built.
//
//   octet_pages FOLDER DATE        manual pages and completions, as they are called where they are
//                                  installed
//   octet_pages --reference FILE   FILE with its reference made anew, to stdout
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <fmt/format.h>

#include "cli/pages/pages.hpp"

namespace octet::cli {
namespace {

void write(const std::filesystem::path& path, const std::string& text) {
    std::ofstream file(path, std::ios::binary);
    file << text;
    if (!file.flush()) throw std::runtime_error(path.string() + ": cannot write");
}

void write_pages(const std::filesystem::path& folder, std::string_view date) {
    std::filesystem::create_directories(folder);
    write(folder / "octet.1", man_page(program(), date));
    for (const Command& command : commands())
        write(folder / fmt::format("octet-{}.1", command.name), man_page(command, date));
    write(folder / "octet.bash", bash_completion());
    write(folder / "_octet", zsh_completion());
    write(folder / "octet.fish", fish_completion());
}

void print_reference(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string document((std::istreambuf_iterator<char>(file)),
                               std::istreambuf_iterator<char>());
    if (!file) throw std::runtime_error(path.string() + ": cannot read");
    std::fputs(with_reference(document).c_str(), stdout);
}

}  // namespace
}  // namespace octet::cli

int main(int argc, char** argv) {
    try {
        if (argc != 3) throw std::runtime_error("octet_pages FOLDER DATE | --reference FILE");
        if (std::string_view(argv[1]) == "--reference") {
            octet::cli::print_reference(argv[2]);
        } else {
            octet::cli::write_pages(argv[1], argv[2]);
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "octet_pages: %s\n", error.what());
        return 1;
    }
    return 0;
}
