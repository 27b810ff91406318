// The limit is asked for once. Where it leaves too little, the whole run goes to a thread with
// kStackBytes of its own, which also is what later threads get.
#include "cli/stack.hpp"

#include <pthread.h>
#include <sys/resource.h>

#include <csignal>

#include <fmt/format.h>

#include "cli/terminal.hpp"
#include "octet/error.hpp"

namespace octet::cli {
namespace {

constexpr std::size_t kStackBytes = 8U << 20U;

struct Call {
    const std::function<int()>& work;
    int result = 0;
};

void* run_call(void* call) {
    static_cast<Call*>(call)->result = static_cast<Call*>(call)->work();
    return nullptr;
}

/// False where the limit leaves this thread less than kStackBytes.
bool has_enough_stack(rlimit& limit) {
    return ::getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur >= kStackBytes;
}

/// Runs the call on a thread with kStackBytes and waits for it; its signals are that thread's.
/// False where there is no such thread.
bool run_on_thread(Call& call) {
    pthread_attr_t attributes;
    if (::pthread_attr_init(&attributes) != 0) return false;
    pthread_t thread{};
    const bool started = ::pthread_attr_setstacksize(&attributes, kStackBytes) == 0 &&
                         ::pthread_create(&thread, &attributes, run_call, &call) == 0;
    ::pthread_attr_destroy(&attributes);
    if (!started) return false;
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    return ::pthread_join(thread, nullptr) == 0;
}

/// What std::thread starts has as much room.
void give_threads_enough_stack() {
#ifdef __GLIBC__
    pthread_attr_t attributes;
    if (::pthread_attr_init(&attributes) != 0) return;
    if (::pthread_attr_setstacksize(&attributes, kStackBytes) == 0)
        ::pthread_setattr_default_np(&attributes);
    ::pthread_attr_destroy(&attributes);
#endif
}

}  // namespace

int with_enough_stack(const std::function<int()>& work) {
    rlimit limit{};
    if (has_enough_stack(limit)) return work();
    give_threads_enough_stack();
    Call call{work};
    if (run_on_thread(call)) return call.result;
    Terminal().error(fmt::format(
        "the stack is limited to {} kB, and the system has no thread with more to give; raise the "
        "limit (ulimit -s)",
        limit.rlim_cur / 1024));
    return static_cast<int>(ErrorCode::kIo);
}

}  // namespace octet::cli
