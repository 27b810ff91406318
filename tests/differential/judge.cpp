// octet_judge FOLDER: reads files from its input, each as 8 bytes of length (little-endian) and the
// bytes, and answers one line a file: "accept", or "refuse " and what octet says of its header. So
// that hundreds of thousands can be judged quickly.
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "formats/safetensors/header.hpp"
#include "octet/error.hpp"

namespace {

/// False at the end of the input.
bool read_exactly(char* bytes, std::size_t count) {
    return std::fread(bytes, 1, count, stdin) == count;
}

std::string verdict(const std::filesystem::path& path) {
    try {
        octet::safetensors::read_header(octet::io::File::open_for_reading(path));
        return "accept";
    } catch (const octet::Error& error) {
        return std::string("refuse ") + error.what();
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const std::filesystem::path path = std::filesystem::path(argv[1]) / "f";
    std::array<char, 8> length{};
    std::string bytes;
    while (read_exactly(length.data(), length.size())) {
        std::size_t size = 0;
        for (std::size_t i = length.size(); i-- > 0;)
            size = size << 8U | static_cast<unsigned char>(length[i]);
        bytes.resize(size);
        if (!read_exactly(bytes.data(), size)) return 2;
        std::ofstream(path, std::ios::binary)
            .write(bytes.data(), static_cast<std::streamsize>(size));
        std::puts(verdict(path).c_str());
    }
    std::filesystem::remove(path);
    return 0;
}
