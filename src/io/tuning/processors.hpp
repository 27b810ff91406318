// Where a thread begins, and that one may not be had.
#pragma once

#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace octet::io {

/// Moves a thread that was just started to the processor that is `distance` > 0 behind the
/// caller's, counted around those that the caller may use; from there the system moves it as it
/// does any other. Linux often leaves a new thread for milliseconds behind the one that started it,
/// while another processor has nothing to do. A hint: where there is one processor, or the system
/// does not take it, nothing happens.
void begin_elsewhere(std::thread::native_handle_type thread, unsigned distance) noexcept;

/// Adds a thread that does `work`. False where the system has none to give (a limit of processes or
/// of memory): those that are there do it all.
template <typename Thread, typename Work>
bool add_thread(std::vector<Thread>& threads, Work&& work) {
    try {
        threads.emplace_back(std::forward<Work>(work));
        return true;
    } catch (const std::system_error&) {
        return false;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

}  // namespace octet::io
