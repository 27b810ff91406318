// INT, TERM and HUP ask a run to end: it cleans up and the exit code is 128 + the signal's number.
// A second signal ends the process at once.
#pragma once

namespace octet::cli {

/// Installs the handlers; a signal that is ignored already (nohup) stays ignored.
void watch_signals();

/// The number of the signal that came, or 0.
int signal_received() noexcept;

}  // namespace octet::cli
