#include "io/system_calls.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace octet::io {
namespace {

int open_file(const char* path, int flags, mode_t mode) {
    return ::open(path, flags, mode);
}

/// fallocate(2) itself rather than posix_fallocate, which falls back to writing every block.
int allocate_file(int fd, off_t length) {
    if (length == 0) return 0;
    if (::fallocate(fd, 0, 0, length) == 0) return 0;
    if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL) return -1;
    return ::ftruncate(fd, length);
}

int rename2(const char* from, const char* to, unsigned flags) {
    return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags));
}

int rename_without_replacing(const char* from, const char* to) {
    return rename2(from, to, RENAME_NOREPLACE);
}

int exchange_paths(const char* a, const char* b) {
    return rename2(a, b, RENAME_EXCHANGE);
}

}  // namespace

SystemCalls real_system_calls() noexcept {
    return {open_file,      ::pread,  ::pwrite, allocate_file, ::fsync, ::mkdir, ::rename, rename_without_replacing,
            exchange_paths, ::unlink, ::rmdir};
}

SystemCalls& system_calls() noexcept {
    static SystemCalls table = real_system_calls();
    return table;
}

std::string errno_text(int error_number) {
    return std::generic_category().message(error_number);
}

}  // namespace octet::io
