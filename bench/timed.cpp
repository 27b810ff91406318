// Runs one command and writes what it cost, as JSON, to RESULT: seconds of wall clock from before
// the start to after the end, processor seconds, peak resident bytes, exit status.
//
//   octet_timed RESULT COMMAND [ARGUMENT...]
//
// A program of its own because a process starts with the peak memory of whoever started it:
// Python's is larger than octet's inspect.
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>

namespace {

double seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: octet_timed RESULT COMMAND [ARGUMENT...]\n");
        return 2;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    const auto start = std::chrono::steady_clock::now();
    pid_t child = 0;
    const int error = posix_spawnp(&child, argv[2], &actions, nullptr, argv + 2, environ);
    if (error != 0) {
        std::fprintf(stderr, "octet_timed: %s: %s\n", argv[2], std::strerror(error));
        return 1;
    }
    int status = 0;
    rusage usage{};
    if (wait4(child, &status, 0, &usage) != child) {
        std::perror("octet_timed: wait4");
        return 1;
    }
    const double wall =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::FILE* const result = std::fopen(argv[1], "w");
    if (result == nullptr) {
        std::perror(argv[1]);
        return 1;
    }
    std::fprintf(result, "{\"wall\": %.6f, \"cpu\": %.6f, \"resident\": %lld, \"status\": %d}\n",
                 wall, seconds(usage.ru_utime) + seconds(usage.ru_stime), 1024LL * usage.ru_maxrss,
                 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return std::fclose(result) == 0 ? 0 : 1;
}
