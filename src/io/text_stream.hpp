// A text that is read once, from its beginning to its end: a file, or what has no size and cannot
// be read twice, such as /dev/stdin or a pipe. Whoever waits for the writer of a pipe can be
// stopped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "io/file.hpp"

namespace octet::io {

class TextStream {
  public:
    using StopRequested = std::function<bool()>;

    /// Not found, or a folder: kBadInput; kIo. Of a named pipe: waits for its writer.
    explicit TextStream(const std::filesystem::path& path, StopRequested stop_requested = {});
    ~TextStream();
    TextStream(const TextStream&) = delete;
    TextStream& operator=(const TextStream&) = delete;

    const std::string& name() const noexcept {
        return name_;
    }  ///< the path as it was given, for messages

    /// The next bytes, as many as are there, at least one; 0 at the end. kIo; kInterrupted where
    /// `stop_requested` says so while it waits.
    std::size_t read(std::span<char> buffer);

    std::uint64_t read_bytes() const noexcept { return read_bytes_; }
    std::uint64_t total_bytes() const noexcept {
        return file_.size();
    }  ///< 0 where only the end will tell

  private:
    /// Calls until it is not interrupted.
    template <typename Call>
    std::size_t wait_for(std::string_view action, Call call) const;

    std::string name_;
    StopRequested stop_requested_;
    File file_;            ///< where it has a size
    int descriptor_ = -1;  ///< where not
    std::uint64_t read_bytes_ = 0;
};

/// The whole of a small text; larger than `most_bytes`: kBadInput.
std::string read_text_stream(const std::filesystem::path& path, std::uint64_t most_bytes,
                             TextStream::StopRequested stop_requested = {});

}  // namespace octet::io
