// The system calls that move a checkpoint's bytes and make output visible, in one table, so that a
// test can make any of them fail. The program never changes the table.
#pragma once

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>

#include <cstddef>
#include <string>

namespace octet::io {

/// What a move does where something has the new name already.
enum class MoveMode { kReplace, kKeepExisting, kExchange };

/// One function for each call; the same contract as the system's: -1 and errno on failure. Names
/// are relative to the directory descriptor before them.
struct SystemCalls {
    int (*open)(int directory, const char* name, int flags, mode_t mode);
    ssize_t (*pread)(int fd, void* buffer, std::size_t count, off_t offset);
    ssize_t (*pwrite)(int fd, const void* buffer, std::size_t count, off_t offset);
    int (*allocate)(
        int fd,
        off_t length);  ///< sets the length and, where the file system can, reserves the space
    int (*fsync)(int fd);
    int (*lock)(int fd);  ///< for this process alone, or EWOULDBLOCK at once
    int (*mkdir)(int directory, const char* name, mode_t mode);
    int (*move)(int from_directory, const char* from, int to_directory, const char* to,
                MoveMode mode);
    int (*unlink)(int directory, const char* name);
    int (*rmdir)(int directory, const char* name);
    int (*statvfs)(int fd, struct statvfs* status);
};

/// The table in use. Changed by tests only, before any worker starts.
SystemCalls& system_calls() noexcept;

/// The system's own functions.
SystemCalls real_system_calls() noexcept;

/// "Permission denied" for an errno value.
std::string errno_text(int error_number);

}  // namespace octet::io
