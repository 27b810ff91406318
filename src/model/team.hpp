// Threads that share out many short pieces of work: a token of a small model is a hundred of them,
// each some microseconds long, so idle members spin for a while before they sleep. The caller is a
// member.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace octet::model {

class Team {
  public:
    /// `threads` members; 0: one a core. Fewer where the system has no more threads to give. More
    /// than 1024: kUsage.
    explicit Team(unsigned threads);
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;
    ~Team();

    unsigned size() const noexcept { return static_cast<unsigned>(members_.size()) + 1; }

    using Work = std::function<void(std::size_t task, unsigned member)>;

    /// Calls work(task, member) once for every task < tasks, on any member, and returns when all
    /// are done. `work` may read mapped files: it must not throw and must not own anything. A page
    /// that cannot be read (a file shrank): kIo.
    void run(std::size_t tasks, const Work& work);

    /// Begins the same and returns at once: the other members work while the caller does something
    /// else, which does without the team. What they have not begun the caller does in finish(), or
    /// in the next start() or run(), until which `work` has to live.
    void start(std::size_t tasks, const Work& work);

    /// Returns when what was started is done. Errors as of run().
    void finish();

    /// Lets every member begin the next run on a processor of its own, where there are as many: for
    /// a run before which other threads worked while members slept, as the system may wake them
    /// behind those, or behind the caller.
    void spread_out() noexcept { is_to_spread_ = true; }

    /// Lets the other members end, for which the destructor then does not wait long: the caller is
    /// the whole team from now on.
    void release() noexcept;

  private:
    void spread() noexcept;
    void serve(unsigned member);
    void take_tasks(unsigned member) noexcept;
    bool claim(std::size_t& task, const Work*& work) noexcept;

    std::vector<std::thread> members_;
    std::atomic<std::uint32_t> round_{0};  ///< what idle members wait for
    std::atomic<std::uint64_t> ticket_{
        0};  ///< round * 2^32 + tasks not yet claimed: who is late claims nothing of another round
    std::atomic<std::size_t> tasks_{0};
    std::atomic<std::size_t> done_{0};
    std::atomic<const Work*> work_{nullptr};
    std::atomic<bool> failed_{false};
    std::atomic<bool> ending_{false};
    bool is_to_spread_ = true;  ///< once they are awake
    bool is_started_ = false;
};

}  // namespace octet::model
