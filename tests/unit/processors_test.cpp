// What io/processors.hpp promises of threads that begin elsewhere.
#include <sched.h>

#include <atomic>
#include <thread>

#include "io/tuning/processors.hpp"
#include "support.hpp"

#ifdef __linux__

namespace octet::test {

TEST_CASE("a thread that begins on another processor may run wherever its maker may", "[io]") {
    cpu_set_t own;
    REQUIRE(sched_getaffinity(0, sizeof(own), &own) == 0);
    for (unsigned distance = 1; distance <= 3; ++distance) {
        std::atomic<bool> may_look = false;
        cpu_set_t seen;
        CPU_ZERO(&seen);
        std::thread thread([&] {
            may_look.wait(false);
            sched_getaffinity(0, sizeof(seen), &seen);
        });
        io::begin_elsewhere(thread.native_handle(), distance);
        may_look = true;
        may_look.notify_all();
        thread.join();
        CHECK(CPU_EQUAL(&seen, &own));
    }
}

TEST_CASE("a thread of a maker with one processor stays on it", "[io]") {
    cpu_set_t own;
    REQUIRE(sched_getaffinity(0, sizeof(own), &own) == 0);
    cpu_set_t one;
    CPU_ZERO(&one);
    const int current = sched_getcpu();
    REQUIRE(current >= 0);
    CPU_SET(static_cast<unsigned>(current), &one);
    REQUIRE(sched_setaffinity(0, sizeof(one), &one) == 0);
    int ran_on = -1;
    std::thread thread([&] { ran_on = sched_getcpu(); });
    io::begin_elsewhere(thread.native_handle(), 1);
    thread.join();
    CHECK(sched_setaffinity(0, sizeof(own), &own) == 0);
    CHECK(ran_on == current);
}

}  // namespace octet::test

#endif
