// What octet throws. Every failure that a user can cause or meet is one `octet::Error`: a code,
// which is also the exit code of the command line, and one line of text in the form "subject: what
// is wrong, with numbers; what to do". Error is a value that owns its text. It can be copied and
// passed between threads.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace octet {

/// Why an operation did not succeed. The values are the exit codes of the command line and never
/// change.
enum class ErrorCode : int {
    kCheckFailed = 1,  ///< a gate, target or verification did not hold; the work itself was done
    kUsage =
        2,  ///< an impossible request: unknown option, output folder not acceptable, output = input
    kBadInput = 3,  ///< the input is no checkpoint, or malformed, not finite, or quantized already
    kIo = 4,  ///< the system refused: permission, disk full, a file vanished or shrank while it was
              ///< read
    kInternal = 5,       ///< a defect of octet or out of memory; nothing was written
    kInterrupted = 128,  ///< WriteOptions::stop_requested returned true; the command line adds the
                         ///< signal's number
};

/// The one exception of the library. `what()` is the whole line, without the program's name and
/// without a newline.
class Error : public std::runtime_error {
  public:
    Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}

    /// The message is "subject: what"; `subject` is the file or option of the line.
    Error(ErrorCode code, std::string_view subject, std::string_view what)
        : Error(code, std::string(subject) + ": " + std::string(what)) {}

    ErrorCode code() const noexcept { return code_; }

  private:
    ErrorCode code_;
};

}  // namespace octet
