// Affinity is set for a moment and put back: the scheduler moves the thread at once and is free
// again afterwards.
#include "io/tuning/processors.hpp"

#include <sched.h>

namespace octet::io {

#ifdef __linux__

void begin_elsewhere(std::thread::native_handle_type thread, unsigned distance) noexcept {
    cpu_set_t usable;  // too small for the machine: the call fails
    if (::sched_getaffinity(0, sizeof(usable), &usable) != 0) return;
    const int count = CPU_COUNT(&usable);
    const int caller = ::sched_getcpu();
    if (count < 2 || caller < 0) return;
    const auto own = static_cast<unsigned>(caller);
    unsigned chosen = own;
    for (unsigned left = distance % static_cast<unsigned>(count); left > 0;) {
        chosen = (chosen + 1) % CPU_SETSIZE;
        if (CPU_ISSET(chosen, &usable)) --left;
    }
    if (chosen == own) return;
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(chosen, &only);
    if (::pthread_setaffinity_np(thread, sizeof(only), &only) == 0)
        ::pthread_setaffinity_np(thread, sizeof(usable), &usable);
}

#else

void begin_elsewhere(std::thread::native_handle_type, unsigned) noexcept {}

#endif

}  // namespace octet::io
