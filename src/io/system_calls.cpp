#include "io/system_calls.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace octet::io {
namespace {

/// Calls until no signal interrupts it any more. Reads and writes do that where they count their bytes.
template <typename Call>
int uninterrupted(Call call) {
    int result = call();
    while (result < 0 && errno == EINTR) result = call();
    return result;
}

int open_file(const char* path, int flags, mode_t mode) {
    return uninterrupted([&] { return ::open(path, flags, mode); });
}

int sync_file(int fd) {
    return uninterrupted([&] { return ::fsync(fd); });
}

int lock_file(int fd) {
    return uninterrupted([&] { return ::flock(fd, LOCK_EX | LOCK_NB); });
}

/// fallocate(2) itself rather than posix_fallocate, which falls back to writing every block.
int allocate_file(int fd, off_t length) {
    if (length == 0) return 0;
    if (uninterrupted([&] { return ::fallocate(fd, 0, 0, length); }) == 0) return 0;
    if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL) return -1;
    return uninterrupted([&] { return ::ftruncate(fd, length); });
}

int exchange_paths(const char* a, const char* b) {
    return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE));
}

}  // namespace

SystemCalls real_system_calls() noexcept {
    return {open_file, ::pread,  ::pwrite,       allocate_file, sync_file, lock_file,
            ::mkdir,   ::rename, exchange_paths, ::unlink,      ::rmdir,   ::statvfs};
}

SystemCalls& system_calls() noexcept {
    static SystemCalls table = real_system_calls();
    return table;
}

std::string errno_text(int error_number) {
    return std::generic_category().message(error_number);
}

}  // namespace octet::io
