// A call is a counter of tasks that members claim from; those without work spin for tens of
// microseconds and then wait on an atomic. Nobody waits for a member that has claimed nothing.
#include "model/team.hpp"

#include <utility>

#include <fmt/format.h>

#include "io/mapping.hpp"
#include "io/tuning/processors.hpp"
#include "octet/error.hpp"

namespace octet::model {
namespace {

constexpr unsigned kMostThreads = 1024;
constexpr int kSpins = 20'000;  // some tens of microseconds

void rest_a_moment() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

/// Waits until `value` is no longer `old`.
template <typename T>
void wait_for_change(const std::atomic<T>& value, T old) noexcept {
    for (int i = 0; i < kSpins; ++i) {
        if (value.load(std::memory_order_acquire) != old) return;
        rest_a_moment();
    }
    value.wait(old, std::memory_order_acquire);
}

}  // namespace

Team::Team(unsigned threads) {
    if (threads > kMostThreads) {
        throw Error(ErrorCode::kUsage, "--threads",
                    fmt::format("{} is more than the {} that are possible", threads, kMostThreads));
    }
    const unsigned wanted =
        threads > 0 ? threads : std::max(1U, std::thread::hardware_concurrency());
    for (unsigned member = 1; member < wanted; ++member) {
        if (!io::add_thread(members_, [this, member] { serve(member); })) break;
    }
    spread();
}

Team::~Team() {
    release();
    for (std::thread& member : members_) member.join();
}

void Team::release() noexcept {
    try {
        finish();
    } catch (const Error&) {
        failed_ = true;  // nobody waits for it
    }
    ending_ = true;
    round_.fetch_add(1, std::memory_order_release);  // tasks_ is not touched: nobody finds one
    round_.notify_all();
}

void Team::run(std::size_t tasks, const Work& work) {
    start(tasks, work);
    finish();
}

void Team::start(std::size_t tasks, const Work& work) {
    finish();
    is_started_ = true;
    done_.store(0, std::memory_order_relaxed);
    tasks_.store(tasks, std::memory_order_relaxed);
    work_.store(&work, std::memory_order_relaxed);
    const std::uint32_t round = round_.load(std::memory_order_relaxed) + 1;
    ticket_.store(static_cast<std::uint64_t>(round) << 32U | tasks, std::memory_order_release);
    round_.store(round, std::memory_order_release);
    if (tasks > 1) {
        round_.notify_all();
        if (std::exchange(is_to_spread_, false)) spread();
    }
}

// Nobody is waited for who has not claimed a task: a member that the system keeps from running
// delays nothing.
void Team::finish() {
    if (!std::exchange(is_started_, false)) return;
    take_tasks(0);
    const std::size_t tasks = tasks_.load(std::memory_order_relaxed);
    for (std::size_t done = done_.load(std::memory_order_acquire); done != tasks;
         done = done_.load(std::memory_order_acquire))
        wait_for_change(done_, done);
    if (failed_)
        throw Error(
            ErrorCode::kIo,
            "a file of the model could not be read to its end: it shrank, or its disk failed");
}

void Team::spread() noexcept {
    for (unsigned i = 0; i < members_.size(); ++i)
        io::begin_elsewhere(members_[i].native_handle(), i + 1);
}

void Team::serve(unsigned member) {
    std::uint32_t seen = 0;
    round_.wait(seen, std::memory_order_acquire);  // the first round takes longer to come: the
                                                   // model is not there yet
    while (true) {
        wait_for_change(round_, seen);
        seen = round_.load(std::memory_order_acquire);
        if (ending_) return;
        take_tasks(member);
    }
}

bool Team::claim(std::size_t& task, const Work*& work) noexcept {
    std::uint64_t ticket = ticket_.load(std::memory_order_acquire);
    while ((ticket & 0xFFFFFFFFU) != 0) {
        work =
            work_.load(std::memory_order_relaxed);  // of the ticket's round, or the exchange fails
        task = (ticket & 0xFFFFFFFFU) - 1;
        if (ticket_.compare_exchange_weak(ticket, ticket - 1, std::memory_order_acq_rel))
            return true;
    }
    return false;
}

void Team::take_tasks(unsigned member) noexcept {
    const auto one_is_done = [this] {
        if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 ==
            tasks_.load(std::memory_order_relaxed))
            done_.notify_all();
    };
    while (true) {
        const bool readable = io::read_mapped([&] {
            std::size_t task = 0;
            const Work* work = nullptr;
            while (claim(task, work)) {
                (*work)(task, member);
                one_is_done();
            }
        });
        if (readable) return;
        failed_ = true;  // in the middle of a task, which nobody will finish
        one_is_done();
    }
}

}  // namespace octet::model
