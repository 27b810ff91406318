// What several unit tests need: bit patterns, folders that vanish, errors as text, system calls
// that can fail.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <stdlib.h>

#include "catch.hpp"
#include "io/system_calls.hpp"
#include "octet/error.hpp"
#include "quant/active_kernels.hpp"

namespace octet::test {

template <typename To, typename From>
To bits_as(From value) {
    static_assert(sizeof(To) == sizeof(From));
    To result;
    std::memcpy(&result, &value, sizeof(To));
    return result;
}

inline std::uint32_t bits_of(float value) {
    return bits_as<std::uint32_t>(value);
}

inline float float_of(std::uint32_t bits) {
    return bits_as<float>(bits);
}

/// The tables that this machine can run, the scalar one first.
inline std::vector<const kernels::Kernels*> available_kernels() {
    std::vector<const kernels::Kernels*> tables;
    for (const kernels::Isa isa : quant::available_isas())
        tables.push_back(kernels::kernels_for(isa));
    return tables;
}

/// What the call threw, as "CODE MESSAGE" such as "3 x: not found"; "nothing" when it came back.
template <typename Call>
std::string error_of(Call&& call) {
    try {
        call();
    } catch (const Error& error) {
        return std::to_string(static_cast<int>(error.code())) + " " + error.what();
    }
    return "nothing";
}

/// A new empty folder, removed with everything in it.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "octet-unit-XXXXXX").native();
        if (::mkdtemp(name.data()) == nullptr)
            throw std::system_error(errno, std::generic_category(), name);
        path_ = std::filesystem::canonical(name);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

inline void write_file(const std::filesystem::path& path, std::string_view text) {
    std::ofstream(path, std::ios::binary)
        .write(text.data(), static_cast<std::streamsize>(text.size()));
}

inline std::string read_file(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

/// A file with the header `json` and `data_bytes` zeros behind it, which take no room on the disk.
inline void write_sparse_checkpoint(const std::filesystem::path& path, std::string_view json,
                                    std::uint64_t data_bytes) {
    std::string head(8, '\0');
    for (std::size_t i = 0; i < 8; ++i)
        head[i] = static_cast<char>((json.size() >> (8 * i)) & 0xFFU);
    head += json;
    write_file(path, head);
    std::filesystem::resize_file(path, head.size() + data_bytes);
}

/// Puts the system's own calls back at the end of a test that changes them.
class SystemCallsGuard {
  public:
    SystemCallsGuard() = default;
    SystemCallsGuard(const SystemCallsGuard&) = delete;
    SystemCallsGuard& operator=(const SystemCallsGuard&) = delete;
    ~SystemCallsGuard() { io::system_calls() = io::real_system_calls(); }
};

}  // namespace octet::test
