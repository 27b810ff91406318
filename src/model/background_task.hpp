// One piece of work that a thread of its own does while the caller goes on.
#pragma once

#include <functional>
#include <future>
#include <system_error>
#include <thread>
#include <utility>

#include "io/tuning/processors.hpp"

namespace octet::model {

template <typename Result>
class BackgroundTask {
  public:
    /// Begins with `work`; where no thread is to be had, result() does it.
    explicit BackgroundTask(std::function<Result()> work)
        : task_(std::move(work)), result_(task_.get_future()) {
        try {
            thread_ = std::jthread(std::ref(task_));
            io::begin_elsewhere(thread_.native_handle(), 1);
        } catch (const std::system_error&) {
            return;
        }
    }
    BackgroundTask(const BackgroundTask&) = delete;
    BackgroundTask& operator=(const BackgroundTask&) = delete;

    /// What the work returned, or threw. Once.
    Result result() {
        if (!thread_.joinable()) task_();
        return result_.get();
    }

  private:
    std::packaged_task<Result()> task_;
    std::future<Result> result_;
    std::jthread thread_;  ///< the first to end
};

}  // namespace octet::model
