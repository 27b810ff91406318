// The team: every task once, on any number of members, and a file that shrinks is an error.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "io/mapping.hpp"
#include "model/team.hpp"
#include "support.hpp"

namespace octet::test {

TEST_CASE("a team does every task of many rounds once", "[model][pipeline]") {
    for (const unsigned threads : {1U, 2U, 5U}) {
        model::Team team(threads);
        REQUIRE(team.size() == threads);
        std::vector<int> counts(100);
        for (std::size_t round = 1; round <= 2000; ++round) {
            const std::size_t tasks = round % counts.size();
            team.run(tasks, [&](std::size_t task, unsigned member) {
                if (member < threads) ++counts[task];
            });
        }
        for (std::size_t task = 0; task < counts.size(); ++task)
            REQUIRE(counts[task] == 20 * (static_cast<int>(counts.size() - task) - 1));
    }
    REQUIRE(error_of([] { model::Team team(1025); }).starts_with("2 --threads: 1025 is more"));
}

TEST_CASE(
    "what a team was started with is done beside its caller, and before it does anything else",
    "[model][pipeline]") {
    std::vector<std::atomic<int>> counts(100);
    const model::Team::Work count = [&](std::size_t task, unsigned) { ++counts[task]; };
    const auto all_are = [&](int wanted) {
        return std::all_of(counts.begin(), counts.end(),
                           [&](const auto& times) { return times == wanted; });
    };
    for (const unsigned threads : {1U, 2U, 5U}) {
        for (auto& times : counts) times = 0;
        {
            model::Team team(threads);
            team.start(counts.size(), count);
            const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
            while (threads > 1 && !all_are(1) && std::chrono::steady_clock::now() < deadline)
                std::this_thread::yield();
            REQUIRE(all_are(threads > 1 ? 1 : 0));
            team.finish();
            REQUIRE(all_are(1));
            team.finish();
            REQUIRE(all_are(1));
            team.start(counts.size(), count);
            team.run(counts.size(), [&](std::size_t task, unsigned) {
                if (counts[task] == 2) ++counts[task];
            });
            REQUIRE(all_are(3));
            team.start(counts.size(), count);
            team.start(counts.size(), count);
            team.release();
            REQUIRE(all_are(5));
            team.run(counts.size(), count);  // by the caller alone
            REQUIRE(all_are(6));
            team.release();
            team.start(counts.size(), count);
        }
        REQUIRE(all_are(7));
    }
}

TEST_CASE("a model file that shrinks while it is read is an error", "[model]") {
    const TemporaryFolder folder;
    write_file(folder / "f", std::string(100'000, 'x'));
    const io::File file = io::File::open_for_reading(folder / "f");
    const io::Mapping mapping = io::Mapping::of(file);
    std::filesystem::resize_file(folder / "f", 0);
    model::Team team(2);
    std::vector<int> read(25);
    const auto read_pages = [&](std::size_t task, unsigned) {
        read[task] = std::to_integer<int>(mapping.bytes(task * 4000, 1)[0]);
    };
    REQUIRE(error_of([&] {
                team.run(read.size(), read_pages);
            }).starts_with("4 a file of the model could not be read"));
    const model::Team::Work work = read_pages;
    model::Team other(2);
    other.start(read.size(), work);
    REQUIRE(
        error_of([&] { other.finish(); }).starts_with("4 a file of the model could not be read"));
    model::Team last(2);
    last.start(read.size(), work);  // nobody asks
}

}  // namespace octet::test
