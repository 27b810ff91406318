// Closed standard descriptors are opened on /dev/null first, so that no file of a checkpoint can
// become one of them. A closed pipe ends output silently, any other failure is an error. Progress
// is one line of stderr that every other output erases.
#include "cli/terminal.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <fmt/format.h>

#include "base/text.hpp"
#include "io/system_calls.hpp"
#include "octet/error.hpp"

namespace octet::cli {
namespace {

bool wanted(When when, int descriptor) {
    return when == When::kAlways || (when == When::kAuto && ::isatty(descriptor) == 1);
}

bool write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const ssize_t put = ::write(descriptor, text.data(), text.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return false;
        text.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
}

/// "8 s", "3 min", "2 h 5 min": as long as it may well be.
std::string duration_text(double seconds) {
    const auto whole = static_cast<std::uint64_t>(std::clamp(seconds, 0.0, 1e9)) + 1;
    if (whole < 100) return fmt::format("{} s", whole);
    const std::uint64_t minutes = (whole + 59) / 60;
    if (minutes < 100) return fmt::format("{} min", minutes);
    return fmt::format("{} h {} min", minutes / 60, minutes % 60);
}

}  // namespace

Terminal::Terminal() {
    for (int descriptor = 0; descriptor <= 2; ++descriptor) {
        if (::fcntl(descriptor, F_GETFD) < 0 && errno == EBADF)
            static_cast<void>(::open("/dev/null", O_RDWR));
    }
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
    set_color(When::kAuto);
    set_progress(When::kAuto);
}

void Terminal::set_color(When when) {
    const char* const no_color = std::getenv("NO_COLOR");
    const bool allowed = when == When::kAlways || no_color == nullptr || *no_color == '\0';
    color_ = allowed && wanted(when, STDOUT_FILENO);
}

report::TextStyle Terminal::style() const {
    report::TextStyle style{color_, 0};
    winsize window{};
    const char* const columns = std::getenv("COLUMNS");
    if (columns != nullptr)
        style.columns = std::strtoul(columns, nullptr, 10);
    else if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0)
        style.columns = window.ws_col;
    return style;
}

bool Terminal::is_terminal() const {
    return ::isatty(STDOUT_FILENO) == 1;
}

void Terminal::set_progress(When when) {
    progress_ = wanted(when, STDERR_FILENO);
}

void Terminal::out(std::string_view text) {
    clear_progress();
    if (write_all(STDOUT_FILENO, text) || errno == EPIPE) return;
    throw Error(ErrorCode::kIo, "standard output",
                fmt::format("cannot write: {}", io::errno_text(errno)));
}

void Terminal::note(std::string_view line) {
    if (!quiet_) to_stderr(fmt::format("octet: {}\n", line));
}

void Terminal::error(std::string_view message) {
    to_stderr(fmt::format("octet: {}\n", message));
}

void Terminal::to_stderr(std::string_view text) {
    clear_progress();
    static_cast<void>(write_all(STDERR_FILENO, text));
}

void Terminal::draw_progress(std::string_view verb, std::uint64_t done_bytes,
                             std::uint64_t total_bytes) {
    const auto now = std::chrono::steady_clock::now();
    if (!shows_progress() || now - last_drawn_ < std::chrono::milliseconds(100)) return;
    last_drawn_ = now;
    drawn_ = true;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const auto rate = static_cast<std::uint64_t>(static_cast<double>(done_bytes) / seconds);
    if (total_bytes == 0) {  // of a pipe
        static_cast<void>(write_all(
            STDERR_FILENO,
            fmt::format("\r\x1b[K{} {}, {}/s", verb, si_size(done_bytes), si_size(rate))));
        return;
    }
    const double left = seconds *
                        static_cast<double>(total_bytes - std::min(done_bytes, total_bytes)) /
                        static_cast<double>(std::max<std::uint64_t>(done_bytes, 1));
    const std::string time_left =
        done_bytes == 0 || seconds < 1 ? "" : fmt::format(", {} left", duration_text(left));
    const double share = static_cast<double>(done_bytes) / static_cast<double>(total_bytes);
    static_cast<void>(write_all(
        STDERR_FILENO,
        fmt::format("\r\x1b[K{} {:3.0f} %  {} of {}, {}/s{}", verb, 100 * share,
                    si_size(done_bytes), si_size(total_bytes), si_size(rate), time_left)));
}

void Terminal::clear_progress() {
    if (drawn_) static_cast<void>(write_all(STDERR_FILENO, "\r\x1b[K"));
    drawn_ = false;
}

}  // namespace octet::cli
