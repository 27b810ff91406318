// Numbered steps on several threads: order, errors, interruption.
#include <algorithm>
#include <atomic>
#include <numeric>
#include <span>
#include <stdexcept>
#include <thread>

#include "pipeline/workers.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

using pipeline::Workers;

const std::function<bool()> kNeverStop;

TEST_CASE("every step is done once and settled once with memory of its own", "[pipeline]") {
    for (const unsigned threads : {1U, 2U, 8U}) {
        for (const std::uint64_t steps : {0U, 1U, 5U, 1000U}) {
            Workers workers(threads, kNeverStop);
            std::vector<std::atomic<int>> done(steps);
            std::vector<std::atomic<int>> settled(steps);
            std::atomic<bool> enough{true};
            workers.run(
                steps,
                [&](std::uint64_t number, std::span<std::byte> memory) {
                    ++done[number];
                    if (memory.size() != pipeline::kBufferBytes / threads) enough = false;
                    memory.front() = memory.back() = std::byte{1};
                },
                [&](std::uint64_t number) { ++settled[number]; });
            const auto once = [](const std::atomic<int>& count) { return count == 1; };
            INFO(threads << " threads, " << steps << " steps");
            REQUIRE(std::all_of(done.begin(), done.end(), once));
            REQUIRE(std::all_of(settled.begin(), settled.end(), once));
            REQUIRE(enough);
        }
    }
}

TEST_CASE("one worker takes the steps in order on the calling thread", "[pipeline]") {
    Workers workers(1, kNeverStop);
    std::vector<std::uint64_t> order;
    bool same_thread = true;
    const auto caller = std::this_thread::get_id();
    workers.run(100, [&](std::uint64_t number, std::span<std::byte>) {
        order.push_back(number);
        same_thread = same_thread && std::this_thread::get_id() == caller;
    });
    std::vector<std::uint64_t> expected(100);
    std::iota(expected.begin(), expected.end(), 0U);
    REQUIRE(order == expected);
    REQUIRE(same_thread);
}

TEST_CASE("of several errors the one of the lowest step is thrown and later steps are left out",
          "[pipeline]") {
    for (const unsigned threads : {1U, 2U, 3U, 8U}) {
        for (int repeat = 0; repeat < 20; ++repeat) {
            Workers workers(threads, kNeverStop);
            std::atomic<std::uint64_t> done{0};
            std::string thrown;
            try {
                workers.run(100'000, [&](std::uint64_t number, std::span<std::byte>) {
                    if (number >= 50 && number % 3 == 2)
                        throw std::runtime_error(std::to_string(number));
                    ++done;
                });
            } catch (const std::runtime_error& error) {
                thrown = error.what();
            }
            INFO(threads << " threads");
            REQUIRE(thrown == "50");
            REQUIRE(done < 1000);
        }
    }
}

TEST_CASE("a step behind a failed one is futile and those before it are not", "[pipeline]") {
    Workers workers(1, kNeverStop);
    REQUIRE_FALSE(workers.is_futile(1'000'000));
    REQUIRE_THROWS_AS(workers.run(10,
                                  [](std::uint64_t number, std::span<std::byte>) {
                                      if (number == 4) throw std::runtime_error("4");
                                  }),
                      std::runtime_error);
    REQUIRE_FALSE(workers.is_futile(4));
    REQUIRE(workers.is_futile(5));
}

TEST_CASE("a requested stop ends the run before the next step", "[pipeline]") {
    for (const unsigned threads : {1U, 4U}) {
        std::atomic<int> asked{0};
        const std::function<bool()> stop = [&] { return ++asked > 20; };
        Workers workers(threads, stop);
        std::atomic<int> done{0};
        REQUIRE(error_of([&] {
                    workers.run(100'000, [&](std::uint64_t, std::span<std::byte>) { ++done; });
                }) == "128 interrupted; nothing was changed");
        REQUIRE(done == 20);
    }
}

TEST_CASE("progress told by many workers never goes back", "[pipeline]") {
    std::uint64_t last = 0;
    std::atomic<int> inside{0};
    bool ordered = true;
    bool alone = true;
    const std::function<void(std::uint64_t, std::uint64_t)> progress = [&](std::uint64_t done,
                                                                           std::uint64_t all) {
        alone = alone && ++inside == 1;
        ordered = ordered && done >= last && done <= all;
        last = done;
        --inside;
    };
    pipeline::ProgressMeter meter(progress, 80'000);
    Workers workers(8, kNeverStop);
    workers.run(80'000, [&](std::uint64_t, std::span<std::byte>) { meter.add(1); });
    meter.finish();
    REQUIRE(ordered);
    REQUIRE(alone);
    REQUIRE(last == 80'000);
}

TEST_CASE("more than 1024 threads are a usage error and 0 means the cores") {
    REQUIRE(pipeline::worker_count(1024) == 1024);
    REQUIRE(pipeline::worker_count(0) >= 1);
    REQUIRE(error_of([] { pipeline::worker_count(1025); }) ==
            "2 --threads: 1025 is more than 1024");
}

}  // namespace
}  // namespace octet::test
