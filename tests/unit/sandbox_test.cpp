// A process that is confined and then tries: each case forks, as what is given up does not come
// back.
#include "io/sandbox.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <thread>

#include "catch.hpp"
#include "support.hpp"

namespace octet {
namespace {

/// The exit status of a child that calls `work`; -1 where a signal ended it.
int in_child(const std::function<int()>& work) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(work());
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// What this kernel puts in place: bit 0 paths, bit 1 calls.
int available() {
    return in_child([] {
        const io::Sandbox sandbox = io::enter_sandbox({});
        return (sandbox.paths ? 1 : 0) + (sandbox.calls ? 2 : 0);
    });
}

int errno_of_open(const std::filesystem::path& path, int flags) {
    return ::open(path.c_str(), flags | O_CLOEXEC, 0600) < 0 ? errno : 0;
}

}  // namespace

TEST_CASE("a confined process opens only what it was allowed", "[sandbox]") {
    if ((available() & 1) == 0) {
        WARN("no Landlock here");
        return;
    }
    const test::TemporaryFolder folder;
    std::filesystem::create_directories(folder / "in/below");
    std::filesystem::create_directories(folder / "out");
    test::write_file(folder / "in/below/a", "a");
    test::write_file(folder / "out/b", "b");
    test::write_file(folder / "other", "c");
    std::filesystem::create_symlink(folder / "other", folder / "in/link");
    const auto confined = [&](const std::function<int()>& attempt) {
        return in_child([&] {
            io::enter_sandbox(
                {{folder / "in", io::Access::kRead}, {folder / "out", io::Access::kWrite}});
            return attempt();
        });
    };
    CHECK(confined([&] { return errno_of_open(folder / "in/below/a", O_RDONLY); }) == 0);
    CHECK(confined([&] { return errno_of_open(folder / "in/below/a", O_RDWR); }) == EACCES);
    CHECK(confined([&] { return errno_of_open(folder / "in/new", O_WRONLY | O_CREAT); }) == EACCES);
    CHECK(confined([&] { return errno_of_open(folder / "out/b", O_RDWR | O_TRUNC); }) == 0);
    CHECK(confined([&] { return errno_of_open(folder / "out/new", O_RDWR | O_CREAT | O_EXCL); }) ==
          0);
    CHECK(confined([&] { return errno_of_open(folder / "other", O_RDONLY); }) == EACCES);
    CHECK(confined([&] { return errno_of_open(folder / "in/link", O_RDONLY); }) == EACCES);
    CHECK(confined([&] { return errno_of_open("/etc/passwd", O_RDONLY); }) == EACCES);
    CHECK(confined([&] { return errno_of_open("/dev/null", O_RDWR); }) == 0);
    CHECK(confined([&] {
              std::filesystem::create_directory(folder / "out/sub");
              return ::rename((folder / "out/b").c_str(), (folder / "out/sub/b").c_str()) < 0
                         ? errno
                         : 0;
          }) == 0);
    CHECK(confined([&] { return ::unlink((folder / "in/below/a").c_str()) < 0 ? errno : 0; }) ==
          EACCES);
    CHECK(confined([&] {
              int result = -1;  // what it starts is confined, too
              std::thread([&] { result = errno_of_open(folder / "other", O_RDONLY); }).join();
              return result;
          }) == EACCES);
}

TEST_CASE("a confined process connects to nothing and starts nothing", "[sandbox]") {
    if ((available() & 2) == 0) {
        WARN("no seccomp here");
        return;
    }
    const auto confined = [&](const std::function<int()>& attempt) {
        return in_child([&] {
            io::enter_sandbox({{"/", io::Access::kRead}});
            return attempt();
        });
    };
    CHECK(confined([] { return ::socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0; }) == EPERM);
    CHECK(confined([] { return ::socket(AF_UNIX, SOCK_DGRAM, 0) < 0 ? errno : 0; }) == EPERM);
    CHECK(confined([] {
              char name[] = "true";
              char* const arguments[] = {name, nullptr};
              ::execv("/bin/true", arguments);
              return errno;
          }) == EPERM);
}

}  // namespace octet
