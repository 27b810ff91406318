// The program: everything is in command_line.cpp.
#include <string>
#include <vector>

#include "cli/command.hpp"

int main(int argc, char** argv) {
    if (argc < 1) return 2;
    return octet::cli::run_command_line(std::vector<std::string>(argv, argv + argc));
}
