// A window of the file is moved on as it is used up; a length is held against the bytes that are
// left before anything is made of it.
#include "formats/gguf/byte_cursor.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet::gguf {

void ByteCursor::fail(std::string_view what) const {
    throw Error(ErrorCode::kBadInput, printable(file_name_),
                fmt::format("byte {}: {} in {}", with_commas(at_), what, part_));
}

void ByteCursor::fail_short(std::uint64_t needed) const {
    throw Error(ErrorCode::kBadInput, printable(file_name_),
                fmt::format("byte {}: {} needs {} more bytes, and the file has {}; it was cut or "
                            "is damaged: fetch it "
                            "again",
                            with_commas(at_), part_, with_commas(needed), with_commas(left())));
}

void ByteCursor::fail_long() const {
    throw Error(ErrorCode::kBadInput, printable(file_name_),
                fmt::format("byte {}: keys and infos of tensors are longer than {} bytes at {}; "
                            "octet reads no such "
                            "header",
                            with_commas(at_), with_commas(kMostHeaderBytes), part_));
}

void ByteCursor::fill(std::size_t bytes) {
    window_.resize(std::min<std::uint64_t>(std::max<std::uint64_t>(kWindow, bytes), left()));
    read_at_(window_, at_);
    window_start_ = at_;
}

const std::byte* ByteCursor::take(std::size_t bytes) {
    need(bytes);
    const bool is_inside = at_ >= window_start_ && at_ - window_start_ + bytes <= window_.size();
    if (!is_inside) fill(bytes);
    const std::byte* const found = window_.data() + (at_ - window_start_);
    at_ += bytes;
    return found;
}

std::string ByteCursor::string() {
    const auto length = number<std::uint64_t>();
    need(length);
    std::string text(length, '\0');
    if (length <= kWindow) {
        if (length > 0) std::memcpy(text.data(), take(length), length);
        return text;
    }
    read_at_(std::as_writable_bytes(std::span(text)), at_);
    at_ += length;
    return text;
}

void ByteCursor::skip_string() {
    skip(number<std::uint64_t>());
}

void ByteCursor::skip(std::uint64_t bytes) {
    need(bytes);
    at_ += bytes;
}

}  // namespace octet::gguf
