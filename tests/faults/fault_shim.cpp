// A shared object for LD_PRELOAD that makes single system calls of an unchanged octet fail, be
// interrupted, come up short, or kill the process. Calls are numbered from 1 as they come, calls of
// the dynamic loader and of the C library itself not among them.
//
//   OCTET_FAULT=CLASS:N:ACTION    what happens to call N of a class. CLASS: open read map write
//                                 reserve sync rename remove mkdir lock, or any of these; look
//                                 (stat and its kin), follow (realpath, readlink), thread
//                                 (pthread_create). N = 0: all of them. ACTION: a number (the call
//                                 fails with that errno), kill (SIGKILL before the call), stop
//                                 (SIGSTOP, the call comes after SIGCONT), short (half of what was
//                                 asked for, at least one byte)
//   OCTET_FAULT_NO_EXCHANGE=1     renameat2() fails with EINVAL, as on a file system that has no
//                                 such thing
//   OCTET_FAULT_NO_LIBCRYPTO=1    dlopen() finds nothing, as where OpenSSL is not installed
//   OCTET_FAULT_ESCAPE=FILE       at the first read of data: tries to read FILE, to write beside
//                                 it, to make a socket and to start a program, and says on stderr
//                                 how that went: "escape: read 13 write 13 socket 1 exec 1" are the
//                                 errnos, 0 is success
//   OCTET_FAULT_LOG=FILE          at the end: a line "CLASS COUNT" for each class
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

enum Class {
    kOpen,
    kRead,
    kMap,
    kWrite,
    kReserve,
    kSync,
    kRename,
    kRemove,
    kMkdir,
    kLock,
    kAny,
    kLook,
    kFollow,
    kThread,
    kClasses
};
constexpr std::array<const char*, kClasses> kNames = {
    "open",   "read",  "map",  "write", "reserve", "sync",   "rename",
    "remove", "mkdir", "lock", "any",   "look",    "follow", "thread"};

enum class Fate { kLive, kFail, kShort };

struct Plan {
    int where = kClasses;
    unsigned long number = 0;
    int error_number = 0;
    bool kills = false;
    bool stops = false;
    bool is_short = false;
};

Plan read_plan() {
    Plan plan;
    const char* const text = std::getenv("OCTET_FAULT");
    char name[16] = {};
    char action[16] = {};
    if (text == nullptr || std::sscanf(text, "%15[a-z]:%lu:%15s", name, &plan.number, action) != 3)
        return plan;
    for (int i = 0; i < kClasses; ++i) {
        if (std::strcmp(kNames[static_cast<std::size_t>(i)], name) == 0) plan.where = i;
    }
    plan.kills = std::strcmp(action, "kill") == 0;
    plan.stops = std::strcmp(action, "stop") == 0;
    plan.is_short = std::strcmp(action, "short") == 0;
    plan.error_number = std::atoi(action);
    return plan;
}

const Plan& plan() {
    static const Plan read = read_plan();
    return read;
}

std::array<std::atomic<unsigned long>, kClasses> counts{};

/// What is to become of this call. Errno is set when it is to fail.
Fate fate_of(Class what) {
    const unsigned long number = ++counts[what];
    const unsigned long number_of_any = what < kAny ? ++counts[kAny] : 0;
    const Plan& p = plan();
    const bool is_the_one = (p.where == what && (p.number == number || p.number == 0)) ||
                            (p.where == kAny && p.number == number_of_any);
    if (!is_the_one) return Fate::kLive;
    if (p.kills) std::raise(SIGKILL);
    if (p.stops) std::raise(SIGSTOP);
    if (p.stops) return Fate::kLive;
    if (p.is_short) return Fate::kShort;
    errno = p.error_number;
    return Fate::kFail;
}

template <typename Function>
Function real(Function, const char* name) {
    return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

std::size_t part_of(Fate fate, std::size_t count) {
    return fate == Fate::kShort && count > 1 ? count / 2 : count;
}

/// Writes what was counted once everything is over. Opened at once: later octet may not.
struct Log {
    Log() {
        const char* const path = std::getenv("OCTET_FAULT_LOG");
        file = path == nullptr ? nullptr : std::fopen(path, "we");
    }
    std::FILE* file;

    ~Log() {
        if (file == nullptr) return;
        for (std::size_t i = 0; i < kClasses; ++i)
            std::fprintf(file, "%s %lu\n", kNames[i], counts[i].load());
        std::fclose(file);
    }
} log_at_the_end;

/// What a hostile file would have octet do, if it could.
void try_to_escape() {
    static std::atomic<bool> has_tried{false};
    const char* const path = std::getenv("OCTET_FAULT_ESCAPE");
    if (path == nullptr || has_tried.exchange(true)) return;
    const auto outcome = [](long result) { return result < 0 ? errno : 0; };
    const int reading = outcome(::syscall(SYS_openat, AT_FDCWD, path, O_RDONLY));
    std::array<char, 4096> beside{};
    std::snprintf(beside.data(), beside.size(), "%s.escaped", path);
    const int writing =
        outcome(::syscall(SYS_openat, AT_FDCWD, beside.data(), O_WRONLY | O_CREAT, 0600));
    const int connecting = outcome(::syscall(SYS_socket, AF_INET, SOCK_STREAM, 0));
    std::array<char*, 1> none{};
    const int starting = outcome(::syscall(SYS_execve, "/bin/true", none.data(), none.data()));
    std::fprintf(stderr, "escape: read %d write %d socket %d exec %d\n", reading, writing,
                 connecting, starting);
}

/// The mode that follows in an open() that creates.
mode_t mode_in(int flags, va_list arguments) {
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_in(flags, arguments);
    va_end(arguments);
    if (fate_of(kOpen) == Fate::kFail) return -1;
    return real(&open, "open")(path, flags, mode);
}

int openat(int folder, const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_in(flags, arguments);
    va_end(arguments);
    if (fate_of(kOpen) == Fate::kFail) return -1;
    return real(&openat, "openat")(folder, path, flags, mode);
}

DIR* opendir(const char* path) {
    if (fate_of(kOpen) == Fate::kFail) return nullptr;
    return real(&opendir, "opendir")(path);
}

struct dirent* readdir(DIR* folder) {
    if (fate_of(kRead) == Fate::kFail) return nullptr;
    return real(&readdir, "readdir")(folder);
}

ssize_t read(int fd, void* buffer, size_t count) {
    const Fate fate = fate_of(kRead);
    if (fate == Fate::kFail) return -1;
    return real(&read, "read")(fd, buffer, part_of(fate, count));
}

ssize_t pread(int fd, void* buffer, size_t count, off_t offset) {
    try_to_escape();
    const Fate fate = fate_of(kRead);
    if (fate == Fate::kFail) return -1;
    return real(&pread, "pread")(fd, buffer, part_of(fate, count), offset);
}

ssize_t pwrite(int fd, const void* buffer, size_t count, off_t offset) {
    const Fate fate = fate_of(kWrite);
    if (fate == Fate::kFail) return -1;
    return real(&pwrite, "pwrite")(fd, buffer, part_of(fate, count), offset);
}

void* mmap(void* address, size_t length, int protection, int flags, int fd, off_t offset) noexcept {
    if (fd >= 0 && fate_of(kMap) == Fate::kFail) return MAP_FAILED;
    return real(&mmap, "mmap")(address, length, protection, flags, fd, offset);
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
    if (fate_of(kReserve) == Fate::kFail) return -1;
    return real(&fallocate, "fallocate")(fd, mode, offset, length);
}

int ftruncate(int fd, off_t length) noexcept {
    if (fate_of(kReserve) == Fate::kFail) return -1;
    return real(&ftruncate, "ftruncate")(fd, length);
}

int fsync(int fd) {
    if (fate_of(kSync) == Fate::kFail) return -1;
    return real(&fsync, "fsync")(fd);
}

int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
    if (fate_of(kRename) == Fate::kFail) return -1;
    return real(&renameat, "renameat")(from_folder, from, to_folder, to);
}

/// octet calls renameat2 this way. Futexes pass too, uncounted.
long syscall(long number, ...) noexcept {
    va_list arguments;
    va_start(arguments, number);
    std::array<long, 6> a{};
    for (long& argument : a) argument = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_renameat2) {
        if (fate_of(kRename) == Fate::kFail) return -1;
        if (std::getenv("OCTET_FAULT_NO_EXCHANGE") !=
            nullptr) {  // nor the other flag: an old network file system
            errno = EINVAL;
            return -1;
        }
    }
    return real(&syscall, "syscall")(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int unlinkat(int folder, const char* path, int flags) noexcept {
    if (fate_of(kRemove) == Fate::kFail) return -1;
    return real(&unlinkat, "unlinkat")(folder, path, flags);
}

int mkdirat(int folder, const char* path, mode_t mode) noexcept {
    if (fate_of(kMkdir) == Fate::kFail) return -1;
    return real(&mkdirat, "mkdirat")(folder, path, mode);
}

int stat(const char* path, struct stat* status) noexcept {
    if (fate_of(kLook) == Fate::kFail) return -1;
    return real<int (*)(const char*, struct stat*)>(nullptr, "stat")(path, status);
}

int lstat(const char* path, struct stat* status) noexcept {
    if (fate_of(kLook) == Fate::kFail) return -1;
    return real(&lstat, "lstat")(path, status);
}

int fstat(int fd, struct stat* status) noexcept {
    if (fate_of(kLook) == Fate::kFail) return -1;
    return real(&fstat, "fstat")(fd, status);
}

int fstatat(int folder, const char* path, struct stat* status, int flags) noexcept {
    if (fate_of(kLook) == Fate::kFail) return -1;
    return real(&fstatat, "fstatat")(folder, path, status, flags);
}

int statx(int folder, const char* path, int flags, unsigned mask, struct statx* status) noexcept {
    if (fate_of(kLook) == Fate::kFail) return -1;
    return real<int (*)(int, const char*, int, unsigned, struct statx*)>(nullptr, "statx")(
        folder, path, flags, mask, status);
}

char* realpath(const char* path, char* resolved) noexcept {
    if (fate_of(kFollow) == Fate::kFail) return nullptr;
    return real(&realpath, "realpath")(path, resolved);
}

ssize_t readlink(const char* path, char* buffer, size_t size) noexcept {
    if (fate_of(kFollow) == Fate::kFail) return -1;
    return real(&readlink, "readlink")(path, buffer, size);
}

/// Gives its errno back instead of setting it.
int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                   void* argument) noexcept {
    if (fate_of(kThread) == Fate::kFail) return errno;
    return real(&pthread_create, "pthread_create")(thread, attributes, start, argument);
}

void* dlopen(const char* name, int flags) noexcept {
    if (std::getenv("OCTET_FAULT_NO_LIBCRYPTO") != nullptr) return nullptr;
    return real(&dlopen, "dlopen")(name, flags);
}

int flock(int fd, int operation) noexcept {
    if (fate_of(kLock) == Fate::kFail) return -1;
    return real(&flock, "flock")(fd, operation);
}

}  // extern "C"
