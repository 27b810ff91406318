// What the fuzz targets share: how one input is cut into parts, files built from hostile headers, a
// folder in memory, and what every refusal and every report has to keep whatever the input was.
//
// An input is text cut by NUL bytes, which no JSON may hold: nothing in it counts bytes, so a
// mutation cannot put a length wrong by accident, and the interesting ones (a length that lies) are
// a choice of the control byte in front.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "octet/error.hpp"
#include "octet/report.hpp"

namespace octet::fuzz {

/// The parts of an input, taken from the front.
class Parts {
  public:
    Parts(const std::uint8_t* data, std::size_t size)
        : left_(reinterpret_cast<const char*>(data), size) {}

    /// The first byte; 0 when there is none.
    unsigned control();

    /// The text up to the next NUL.
    std::string_view text();

    /// `byte_count` bytes of material: what is left, over and over; zeros when nothing is.
    std::string bytes(std::uint64_t byte_count);

  private:
    std::string_view left_;
    std::size_t used_ = 0;  ///< of left_, by bytes()
};

/// Ends the run with a report when `condition` does not hold.
void expect(bool condition, std::string_view what);

/// A refusal is about the input, says so in one printable line that is not endless, and names no
/// other code.
void expect_refusal(const Error& error);

/// Runs the call; false when it refused the input as it should. Anything else that it throws ends
/// the run.
template <typename Call>
bool accepted(Call&& call) {
    try {
        call();
        return true;
    } catch (const Error& error) {
        expect_refusal(error);
        return false;
    }
}

/// One line or many of text that a terminal can be shown: valid UTF-8 without control characters
/// but line feeds.
void expect_printable(std::string_view text);

/// One JSON value that a terminal can be shown, too.
void expect_json(std::string_view text);

/// The bytes of data that a header's JSON announces, if it can be read and they are few enough to
/// be made up.
std::optional<std::uint64_t> announced_bytes(std::string_view json);

/// A safetensors file with the right length in front and the data that it announces. With
/// `file_bytes`, spaces behind the JSON bring it to that size if they can.
std::string safetensors_file(std::string_view json, Parts& material,
                             std::optional<std::uint64_t> file_bytes);

/// True for names that a hostile file may have on the disk here: plain, and not long.
bool can_be_written(std::string_view name);

/// A folder in memory, of this process, empty at the beginning of each run.
class MemoryFolder {
  public:
    MemoryFolder();
    MemoryFolder(const MemoryFolder&) = delete;
    MemoryFolder& operator=(const MemoryFolder&) = delete;
    ~MemoryFolder();

    void clear() const;
    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

void write_file(const std::filesystem::path& path, std::string_view bytes);

/// Text and JSON of a report, as `command` would show it, are printable.
void expect_report(const Report& report, const std::string& command);

}  // namespace octet::fuzz
