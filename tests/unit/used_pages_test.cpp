// Pages that were gone through leave memory, many at a time, whatever order they come in.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "io/tuning/large_buffer.hpp"
#include "io/tuning/used_pages.hpp"
#include "support.hpp"

namespace octet::test {

/// Bytes of files that this process has mapped in memory.
std::uint64_t mapped_bytes() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("RssFile:")) return std::stoull(line.substr(8)) << 10U;
    }
    return 0;
}

TEST_CASE("used pages leave memory in any order, and never more than were allowed wait", "[io]") {
    constexpr std::uint64_t kMebibyte = 1U << 20U;
    constexpr std::uint64_t kPieces = 32;
    constexpr std::uint64_t kMost = 8 * kMebibyte;
    const TemporaryFolder folder;
    const io::File file = io::File::create(folder / "data", kPieces * kMebibyte);
    const std::vector<std::byte> bytes(kMebibyte, std::byte{1});
    for (std::uint64_t i = 0; i < kPieces; ++i) file.write_at(bytes, i * kMebibyte);
    const io::Mapping mapping = io::Mapping::of(file);
    std::vector<std::uint64_t> order(kPieces);
    for (std::uint64_t i = 0; i < kPieces; ++i) order[i] = i;
    for (const unsigned seed : {0U, 1U, 2U}) {
        if (seed > 0) std::shuffle(order.begin(), order.end(), std::mt19937(seed));
        REQUIRE(mapping.populate(0, kPieces * kMebibyte));
        const std::uint64_t all = mapped_bytes();
        REQUIRE(all >= kPieces * kMebibyte);
        io::UsedPages used(kMost);
        for (const std::uint64_t piece : order) used.add(mapping, piece * kMebibyte, kMebibyte);
        REQUIRE(mapped_bytes() <= all - (kPieces * kMebibyte - kMost));
    }
}

/// What the system has noted of how the mapping that begins there is read: the flags of its smaps.
std::string flags_of_mapping(const std::byte* begin) {
    std::ifstream maps("/proc/self/smaps");
    bool is_it = false;
    for (std::string line; std::getline(maps, line);) {
        const std::string start = line.substr(0, line.find('-'));
        if (!start.empty() && start.find_first_not_of("0123456789abcdef") == start.npos)
            is_it = std::stoull(start, nullptr, 16) == reinterpret_cast<std::uintptr_t>(begin);
        if (is_it && line.starts_with("VmFlags:")) return line + " ";
    }
    return "";
}

TEST_CASE("pages of a mapping that leaves no marks are taken out as if read in sequence", "[io]") {
    const TemporaryFolder folder;
    write_file(folder / "data", std::string(3U << 20U, 'x'));
    const io::Mapping mapping = io::Mapping::of(io::File::open_for_reading(folder / "data"));
    const std::byte* const begin = mapping.bytes(0, 1).data();
    REQUIRE(flags_of_mapping(begin).find(" mr ") != std::string::npos);
    REQUIRE(flags_of_mapping(begin).find(" sr ") == std::string::npos);
    REQUIRE(mapping.populate(0, mapping.size()));
    mapping.leave_unmarked();
    REQUIRE(flags_of_mapping(begin).find(" sr ") != std::string::npos);
    mapping.drop(0, mapping.size());
    REQUIRE(mapping.bytes(mapping.size() - 1, 1)[0] == std::byte{'x'});
    io::Mapping().leave_unmarked();
}

/// True if a part of the heap is marked as wished for in huge pages.
bool heap_has_huge_pages() {
    std::ifstream maps("/proc/self/smaps");
    bool is_heap = false;
    for (std::string line; std::getline(maps, line);) {
        if (line.find('-') < line.find(' ')) is_heap = line.ends_with("[heap]");
        if (is_heap && line.starts_with("VmFlags:") &&
            (line + " ").find(" hg ") != std::string::npos)
            return true;
    }
    return false;
}

TEST_CASE("the heap grows in huge pages where it is asked to", "[io]") {
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
    if (!std::filesystem::exists("/sys/kernel/mm/transparent_hugepage/enabled")) return;
    REQUIRE(!heap_has_huge_pages());
    io::grow_in_huge_pages();
    REQUIRE(heap_has_huge_pages());
#endif
    io::grow_in_huge_pages();  // again, or where nobody sees it
    const std::unique_ptr<char[]> bytes(new char[100'000]);
    REQUIRE(bytes != nullptr);
}

}  // namespace octet::test
