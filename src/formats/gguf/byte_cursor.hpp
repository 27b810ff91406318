// Walks over the bytes of a file from front to back through a window of it, for headers whose parts
// say how long they are: nothing is believed of a length before the file is seen to have as many
// bytes.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf/gguf_reader.hpp"

namespace octet::gguf {

class ByteCursor {
  public:
    /// Both outlive it. It begins at byte `at`.
    ByteCursor(const ReadAt& read_at, std::uint64_t file_size, std::string_view file_name,
               std::uint64_t at = 0)
        : read_at_(read_at), file_size_(file_size), file_name_(file_name), at_(at) {}

    std::uint64_t at() const noexcept { return at_; }
    std::uint64_t left() const noexcept { return file_size_ - at_; }

    /// What is being read, for messages: "key 3 of 25". It outlives what is read meanwhile.
    void enter(std::string_view part) noexcept { part_ = part; }

    /// "FILE: byte N: WHAT in PART".
    [[noreturn]] void fail(std::string_view what) const;

    /// The file ends too early.
    [[noreturn]] void fail_short(std::uint64_t needed) const;

    /// The number at this place, behind which the cursor goes on.
    template <typename T>
    T number() {
        T value;
        std::memcpy(&value, take(sizeof(T)), sizeof(T));
        return value;
    }

    /// A string: its length, and so many bytes.
    std::string string();

    /// The same without reading it.
    void skip_string();

    /// So many bytes further on.
    void skip(std::uint64_t bytes);

  private:
    static constexpr std::uint64_t kWindow = 64U << 10U;

    void need(std::uint64_t bytes) const {
        if (bytes > left()) fail_short(bytes);
        if (at_ + bytes > kMostHeaderBytes) fail_long();
    }
    [[noreturn]] void fail_long() const;
    const std::byte* take(std::size_t bytes);
    void fill(std::size_t bytes);

    const ReadAt& read_at_;
    std::uint64_t file_size_;
    std::string_view file_name_;
    std::string_view part_ = "its beginning";
    std::uint64_t at_;
    std::vector<std::byte> window_;
    std::uint64_t window_start_ = 0;
};

}  // namespace octet::gguf
