// What a program says about its own making, for cache keys and reports of defects: `octet --version
// --json`.
#pragma once

#include <span>
#include <string_view>

namespace octet {

struct BuildFacts {
    std::string_view commit;    ///< 12 hexadecimal digits, "-dirty" behind them, or "unknown"
    std::string_view compiler;  ///< as CMake calls it, with its version: "GNU 12.2.0"
    std::span<const std::string_view>
        instruction_sets;  ///< built in; the processor decides which is used
    bool is_static;        ///< whether the program needs nothing of the system but the kernel
};

BuildFacts build_facts() noexcept;

}  // namespace octet
