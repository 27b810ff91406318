#include "model/team.hpp"

#include <fmt/format.h>

#include "io/mapping.hpp"
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
    const unsigned wanted = threads > 0 ? threads : std::max(1U, std::thread::hardware_concurrency());
    for (unsigned member = 1; member < wanted; ++member) members_.emplace_back([this, member] { serve(member); });
}

Team::~Team() {
    ending_ = true;
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
    for (std::thread& member : members_) member.join();
}

void Team::run(std::size_t tasks, const std::function<void(std::size_t, unsigned)>& work) {
    next_.store(0, std::memory_order_relaxed);
    tasks_ = tasks;
    work_ = &work;
    const bool together = tasks > 1 && !members_.empty();
    if (together) {
        busy_.store(static_cast<unsigned>(members_.size()), std::memory_order_relaxed);
        round_.fetch_add(1, std::memory_order_release);
        round_.notify_all();
    }
    take_tasks(0);
    if (together) {
        for (unsigned busy = busy_.load(std::memory_order_acquire); busy != 0;
             busy = busy_.load(std::memory_order_acquire))
            wait_for_change(busy_, busy);
    }
    if (failed_)
        throw Error(ErrorCode::kIo, "a file of the model could not be read to its end: it shrank, or its disk failed");
}

void Team::serve(unsigned member) {
    unsigned seen = 0;
    while (true) {
        wait_for_change(round_, seen);
        seen = round_.load(std::memory_order_acquire);
        if (ending_) return;
        take_tasks(member);
        if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_all();
    }
}

void Team::take_tasks(unsigned member) noexcept {
    const bool readable = io::read_mapped([&] {
        while (true) {
            const std::size_t task = next_.fetch_add(1, std::memory_order_relaxed);
            if (task >= tasks_) return;
            (*work_)(task, member);
        }
    });
    if (!readable) failed_ = true;
}

}  // namespace octet::model
