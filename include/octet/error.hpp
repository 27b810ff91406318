// What octet throws. Every failure that a user can cause or meet is one `octet::Error`: a code that is also the exit code of
// the command line, and one line of text in the form "subject: what is wrong, with numbers; what to do".
// Error owns its text; it is a value, copyable, and safe to hand between threads.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace octet {

/// Why an operation did not succeed. The values are the exit codes of the command line and never change.
enum class ErrorCode : int {
    kCheckFailed = 1,    ///< a gate, target or verification did not hold; the work itself was done
    kUsage = 2,          ///< the request cannot be meant: unknown option, output folder not acceptable, output = input
    kBadInput = 3,       ///< the input is not a checkpoint, malformed, not finite, already quantized
    kIo = 4,             ///< the system refused: permission, disk full, a file vanished or shrank while it was read
    kInternal = 5,       ///< a defect of octet or out of memory; nothing was written
    kInterrupted = 128,  ///< WriteOptions::stop_requested said so; the command line adds the number of the signal
};

/// The one exception of the library. `what()` is the whole line, without the program's name and without a newline.
class Error : public std::runtime_error {
  public:
    Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}

    /// "subject: what" as message; `subject` is the file (or option) that the line is about.
    Error(ErrorCode code, std::string_view subject, std::string_view what)
        : Error(code, std::string(subject) + ": " + std::string(what)) {}

    ErrorCode code() const noexcept { return code_; }

  private:
    ErrorCode code_;
};

}  // namespace octet
