// The program: everything is in command_line.cpp. Here is only what has to be before it: enough
// stack, and memory for an error.
#include <new>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/stack.hpp"
#include "cli/terminal.hpp"
#include "octet/error.hpp"

int main(int argc, char** argv) {
    if (argc < 1) return 2;
    return octet::cli::with_enough_stack([&]() -> int {
        try {
            return octet::cli::run_command_line(std::vector<std::string>(argv, argv + argc));
        } catch (const std::bad_alloc&) {  // so early that nobody else catches it
            octet::cli::Terminal().error("out of memory; nothing was written");
            return static_cast<int>(octet::ErrorCode::kInternal);
        }
    });
}
