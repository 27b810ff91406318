// Room on the stack. octet is tested with the 8 MiB that systems give as a rule; a smaller limit
// (`ulimit -s 64`) would end it by a signal somewhere in the middle of its work. Then everything
// runs on a thread of its own, whose stack that limit does not bind.
#pragma once

#include <functional>

namespace octet::cli {

/// Runs `work` where there are 8 MiB of stack, and lets every later thread have as much; returns
/// what it returns. Where such a thread cannot be had: one line on stderr and exit code 4. `work`
/// must not throw.
int with_enough_stack(const std::function<int()>& work);

}  // namespace octet::cli
