#include "fuzz_support.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <numeric>

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "formats/safetensors/header_events.hpp"
#include "report/report_options.hpp"

namespace octet::fuzz {

namespace fs = std::filesystem;

unsigned Parts::control() {
    if (left_.empty()) return 0;
    const unsigned first = static_cast<unsigned char>(left_.front());
    left_.remove_prefix(1);
    return first;
}

std::string_view Parts::text() {
    const std::string_view part = left_.substr(0, left_.find('\0'));
    left_.remove_prefix(std::min(left_.size(), part.size() + 1));
    return part;
}

std::string Parts::bytes(std::uint64_t byte_count) {
    std::string bytes(byte_count, '\0');
    if (left_.empty()) return bytes;
    for (char& byte : bytes) byte = left_[used_++ % left_.size()];
    return bytes;
}

void expect(bool condition, std::string_view what) {
    if (condition) return;
    std::fprintf(stderr, "fuzz: broken: %.*s\n", static_cast<int>(what.size()), what.data());
    std::abort();
}

void expect_refusal(const Error& error) {
    const std::string_view message = error.what();
    const bool about_input = error.code() == ErrorCode::kBadInput;
    if (!about_input)
        std::fprintf(stderr, "fuzz: code %d: %s\n", static_cast<int>(error.code()), error.what());
    expect(about_input, "a refusal of hostile input has another code than 3");
    expect(!message.empty() && message.size() < 4000, "a refusal is empty or endless");
    expect(message.find('\n') == message.npos, "a refusal has more than one line");
    expect_printable(message);
}

void expect_printable(std::string_view text) {
    expect(is_utf8(text), "text is not UTF-8");
    // printable() doubles backslashes; everything else that it changes may not be here.
    std::string plain(text);
    std::erase_if(plain, [](char c) { return c == '\n' || c == '\\'; });
    expect(printable(plain) == plain, "text holds characters that a terminal acts on");
}

void expect_json(std::string_view text) {
    expect(nlohmann::json::accept(text), "a report is not JSON");
    expect_printable(text);
}

std::optional<std::uint64_t> announced_bytes(std::string_view json) {
    constexpr std::uint64_t kMost = 1U << 16U;
    std::uint64_t end = 0;
    try {
        for (const auto& tensor : safetensors::parse_header_events(json, "f").header.tensors) {
            end = std::max(end, tensor.end);
        }
    } catch (const Error&) {
        return std::nullopt;
    }
    return end <= kMost ? std::optional(end) : std::nullopt;
}

std::string safetensors_file(std::string_view json, Parts& material,
                             std::optional<std::uint64_t> file_bytes) {
    const std::uint64_t data = announced_bytes(json).value_or(16);
    std::uint64_t padding = 0;
    if (file_bytes && *file_bytes > 8 + json.size() + data)
        padding = std::min<std::uint64_t>(*file_bytes - 8 - json.size() - data, 1U << 16U);
    std::string bytes(8, '\0');
    for (std::size_t i = 0; i < 8; ++i)
        bytes[i] = static_cast<char>(((json.size() + padding) >> (8 * i)) & 0xFFU);
    bytes += json;
    bytes.append(padding, ' ');
    return bytes + material.bytes(data);
}

bool can_be_written(std::string_view name) {
    return !name.empty() && name.size() < 200 && name != "." && name != ".." &&
           name.find('/') == name.npos && name.find('\0') == name.npos;
}

MemoryFolder::MemoryFolder() {
    const fs::path base = fs::is_directory("/dev/shm") ? "/dev/shm" : fs::temp_directory_path();
    path_ = base / ("octet-fuzz-" + std::to_string(::getpid()));
    clear();
}

MemoryFolder::~MemoryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

void MemoryFolder::clear() const {
    fs::remove_all(path_);
    fs::create_directory(path_);
}

void write_file(const fs::path& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

void expect_report(const Report& report, const std::string& command) {
    report::ReportOptions options;
    options.command = command;
    options.table = options.sizes = true;
    options.shown.resize(report.tensors.size());
    std::iota(options.shown.begin(), options.shown.end(), 0U);
    expect_printable(report::text(report, options));
    expect_json(report::json(report, options));
}

}  // namespace octet::fuzz
