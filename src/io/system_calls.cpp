// Each entry returns an errno instead of setting one, and calls again after an interrupting signal.
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

/// Calls until no signal interrupts it any more. Reads and writes do that where they count their
/// bytes.
template <typename Call>
int uninterrupted(Call call) {
    int result = call();
    while (result < 0 && errno == EINTR) result = call();
    return result;
}

int open_file(int directory, const char* name, int flags, mode_t mode) {
    return uninterrupted([&] { return ::openat(directory, name, flags, mode); });
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

/// renameat2(2) by its number: the C library's own function came later than the systems that octet
/// runs on.
int move_entry(int from_directory, const char* from, int to_directory, const char* to,
               MoveMode mode) {
    if (mode == MoveMode::kReplace) return ::renameat(from_directory, from, to_directory, to);
    const unsigned flags = mode == MoveMode::kExchange ? RENAME_EXCHANGE : RENAME_NOREPLACE;
    return static_cast<int>(
        ::syscall(SYS_renameat2, from_directory, from, to_directory, to, flags));
}

int remove_file(int directory, const char* name) {
    return ::unlinkat(directory, name, 0);
}

int remove_folder(int directory, const char* name) {
    return ::unlinkat(directory, name, AT_REMOVEDIR);
}

}  // namespace

SystemCalls real_system_calls() noexcept {
    return {open_file, ::pread,    ::pwrite,    allocate_file, sync_file, lock_file,
            ::mkdirat, move_entry, remove_file, remove_folder, ::fstatvfs};
}

SystemCalls& system_calls() noexcept {
    static SystemCalls table = real_system_calls();
    return table;
}

std::string errno_text(int error_number) {
    return std::generic_category().message(error_number);
}

}  // namespace octet::io
