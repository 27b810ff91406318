// What has a size is read as a file; a pipe is waited for with poll, so that a request to stop ends
// the wait.
#include "io/text_stream.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet::io {
namespace {

bool is_stream(const std::filesystem::path& path) {
    std::error_code ignored;
    const std::filesystem::file_status status = std::filesystem::status(path, ignored);
    return std::filesystem::is_fifo(status) || std::filesystem::is_character_file(status);
}

}  // namespace

template <typename Call>
std::size_t TextStream::wait_for(std::string_view action, Call call) const {
    while (true) {
        if (stop_requested_ && stop_requested_())
            throw Error(ErrorCode::kInterrupted, "interrupted; nothing was changed");
        const auto result = call();
        if (result >= 0) return static_cast<std::size_t>(result);
        if (errno != EINTR) throw_io_error(name_, action, errno);
    }
}

TextStream::TextStream(const std::filesystem::path& path, StopRequested stop_requested)
    : name_(path.native()), stop_requested_(std::move(stop_requested)) {
    if (!is_stream(path)) {
        file_ = File::open_for_reading(path);
        return;
    }
    // Not the table's function, which goes on where a signal ends the wait for a writer.
    descriptor_ = static_cast<int>(
        wait_for("open", [&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
}

TextStream::~TextStream() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

std::size_t TextStream::read(std::span<char> buffer) {
    std::size_t count = 0;
    if (descriptor_ >= 0) {
        count = wait_for("read", [&] { return ::read(descriptor_, buffer.data(), buffer.size()); });
    } else {
        count = std::min<std::uint64_t>(buffer.size(), file_.size() - read_bytes_);
        file_.read_at(std::as_writable_bytes(buffer.first(count)), read_bytes_);
    }
    read_bytes_ += count;
    return count;
}

std::string read_text_stream(const std::filesystem::path& path, std::uint64_t most_bytes,
                             TextStream::StopRequested stop_requested) {
    TextStream stream(path, std::move(stop_requested));
    std::string text;
    std::array<char, 64U << 10U> part{};
    std::size_t got = 0;
    do {
        got = stream.read(part);
        text.append(part.data(), got);
    } while (got != 0 && text.size() <= most_bytes);
    if (text.size() <= most_bytes) return text;
    throw Error(
        ErrorCode::kBadInput, printable(path.native()),
        fmt::format("has more than the {} bytes that such a text may have; is it the right one?",
                    with_commas(most_bytes)));
}

}  // namespace octet::io
