// The free space that a file system says it has, against what is needed.
#include <unistd.h>

#include "io/free_space.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

struct statvfs reported {};
int result = 0;

void report(std::uint64_t blocks, std::uint64_t free_blocks, std::uint64_t block_bytes) {
    reported = {};
    reported.f_blocks = blocks;
    reported.f_bfree = reported.f_bavail = free_blocks;
    reported.f_frsize = block_bytes;
    io::system_calls().statvfs = [](int, struct statvfs* status) {
        *status = reported;
        return result;
    };
}

std::string checked(std::uint64_t byte_count) {
    return error_of([&] { io::check_free_space(io::Directory::open("/"), "out", byte_count); });
}

TEST_CASE("what does not fit is refused with both numbers") {
    const SystemCallsGuard guard;
    result = 0;
    report(100, 10, 4096);
    REQUIRE(checked(40960) == "nothing");
    REQUIRE(checked(40961) ==
            "4 out: needs 40.96 kB (40,961 bytes), and its file system has 40.96 kB (40,960 bytes) "
            "free; free some "
            "space or choose "
            "another target");
    report(100, 0, 4096);
    REQUIRE(checked(0) == "nothing");
    REQUIRE(checked(1).rfind("4 out: needs 1 B", 0) == 0);
}

TEST_CASE("a file system that reports nonsense is believed to have room") {
    const SystemCallsGuard guard;
    result = 0;
    report(0, 0, 4096);
    REQUIRE(checked(1U << 30U) == "nothing");
    report(~std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0});
    REQUIRE(checked(1U << 30U) == "nothing");
    result = -1;
    report(100, 0, 4096);
    REQUIRE(checked(1U << 30U) == "nothing");
}

TEST_CASE("blocks reserved for root count for root alone") {
    const SystemCallsGuard guard;
    result = 0;
    report(100, 10, 4096);
    reported.f_bavail = 5;
    REQUIRE((checked(30000) == "nothing") == (::geteuid() == 0));
}

}  // namespace
}  // namespace octet::test
