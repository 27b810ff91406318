// The handler stores one lock-free number, which the run looks at between pieces, and is taken off
// by the first signal, so that the second has its usual effect. Signals that the parent process
// ignores stay ignored.
#include "cli/signals.hpp"

#include <atomic>
#include <csignal>

namespace octet::cli {
namespace {

std::atomic<int> g_signal{0};
static_assert(std::atomic<int>::is_always_lock_free,
              "a signal handler may only touch lock-free atomics");

void remember(int signal) {
    g_signal = signal;
}

}  // namespace

void watch_signals() {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        struct sigaction old {};
        if (sigaction(signal, nullptr, &old) == 0 && old.sa_handler == SIG_IGN) continue;
        struct sigaction action {};
        action.sa_handler = remember;
        action.sa_flags = static_cast<int>(SA_RESETHAND);
        sigemptyset(&action.sa_mask);
        sigaction(signal, &action, nullptr);
    }
}

int signal_received() noexcept {
    return g_signal.load();
}

}  // namespace octet::cli
