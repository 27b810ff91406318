// The only writer to stdout and stderr.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "report/text_parts.hpp"

namespace octet::cli {

enum class When { kAuto, kAlways, kNever };

class Terminal {
  public:
    /// Replaces standard descriptors that are closed, so that no output file can land on them;
    /// ignores SIGPIPE and SIGXFSZ, whose causes come back as errors.
    Terminal();

    void set_color(When when);
    void set_progress(When when);
    void set_quiet(bool quiet) { quiet_ = quiet; }

    /// How reports on stdout look: in color or not, within the terminal's columns, or $COLUMNS.
    report::TextStyle style() const;

    /// True if a person reads stdout.
    bool is_terminal() const;
    bool shows_progress() const { return progress_ && !quiet_; }

    /// To stdout. The reader having gone away is no error; any other failure is kIo.
    void out(std::string_view text);

    /// A note on stderr, unless quiet.
    void note(std::string_view line);

    /// An error on stderr, always: "octet: message".
    void error(std::string_view message);

    /// Draws how far a long run has come, at most ten times a second.
    void draw_progress(std::string_view verb, std::uint64_t done_bytes, std::uint64_t total_bytes);

    /// Removes the drawing.
    void clear_progress();

  private:
    void to_stderr(std::string_view text);

    bool quiet_ = false;
    bool color_ = false;
    bool progress_ = false;
    bool drawn_ = false;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point last_drawn_ = start_;
};

}  // namespace octet::cli
