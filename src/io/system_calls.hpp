// The system calls that move a checkpoint's bytes and make a set visible, in one table, so that a test can make any of them
// fail. The product never changes the table.
#pragma once

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>

#include <cstddef>
#include <string>

namespace octet::io {

/// One function for each call; the same contract as the system's: -1 and errno on failure.
struct SystemCalls {
    int (*open)(const char* path, int flags, mode_t mode);
    ssize_t (*pread)(int fd, void* buffer, std::size_t count, off_t offset);
    ssize_t (*pwrite)(int fd, const void* buffer, std::size_t count, off_t offset);
    int (*allocate)(int fd, off_t length);  ///< sets the length and, where the file system can, reserves the space
    int (*fsync)(int fd);
    int (*lock)(int fd);  ///< for this process alone, or EWOULDBLOCK at once
    int (*mkdir)(const char* path, mode_t mode);
    int (*rename)(const char* from, const char* to);
    int (*exchange)(const char* a, const char* b);  ///< renameat2(RENAME_EXCHANGE)
    int (*unlink)(const char* path);
    int (*rmdir)(const char* path);
    int (*statvfs)(const char* path, struct statvfs* status);
};

/// The table in use. Changed by tests only, before any worker starts.
SystemCalls& system_calls() noexcept;

/// The system's own functions.
SystemCalls real_system_calls() noexcept;

/// "Permission denied" for an errno value.
std::string errno_text(int error_number);

}  // namespace octet::io
