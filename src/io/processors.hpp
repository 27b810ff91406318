// Which processor a thread begins on.
#pragma once

#include <thread>

namespace octet::io {

/// Moves a thread that was just started to the processor that is `distance` > 0 behind the caller's, counted around those that the caller may
/// use; from there the system moves it as it does any other. Linux often leaves a new thread for milliseconds behind the one that started it,
/// while another processor has nothing to do. A hint: where there is one processor, or the system does not take it, nothing happens.
void begin_elsewhere(std::thread::native_handle_type thread, unsigned distance) noexcept;

}  // namespace octet::io
