// A disk whose every write and flush is recorded: a FUSE file system with one file, `disk`, on
// which a loop device is put. The kernel sees a disk with a write cache: what it wrote is safe once
// a flush that came later has returned.
//
//   recording_disk IMAGE LOG MOUNT_POINT      in the foreground, until it is unmounted; IMAGE keeps
//                                             what is written
//
// LOG: one record after the other, in the order in which the disk took them: offset (u64), size
// (u32), then the bytes; a flush has offset 2^64 - 1 and no bytes. Little endian, as the machine
// is. One thread, so the order is that of the answers.
#define FUSE_USE_VERSION 31
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace {

int image = -1;
int recorded = -1;
constexpr const char* kName = "/disk";

/// Both go out whole or not at all: a log that misses a write would prove nothing.
bool record(std::uint64_t offset, const char* bytes, std::uint32_t size) {
    char head[12];
    std::memcpy(head, &offset, 8);
    std::memcpy(head + 8, &size, 4);
    return ::write(recorded, head, sizeof(head)) == static_cast<ssize_t>(sizeof(head)) &&
           ::write(recorded, bytes, size) == static_cast<ssize_t>(size);
}

int get_attributes(const char* path, struct stat* status, fuse_file_info*) {
    std::memset(status, 0, sizeof(*status));
    if (std::strcmp(path, "/") == 0) {
        status->st_mode = S_IFDIR | 0755;
        status->st_nlink = 2;
        return 0;
    }
    if (std::strcmp(path, kName) != 0) return -ENOENT;
    struct stat own {};
    if (::fstat(image, &own) != 0) return -errno;
    status->st_mode = S_IFREG | 0600;
    status->st_nlink = 1;
    status->st_size = own.st_size;
    return 0;
}

int open_file(const char* path, fuse_file_info*) {
    return std::strcmp(path, kName) == 0 ? 0 : -ENOENT;
}

int read_file(const char*, char* buffer, std::size_t size, off_t offset, fuse_file_info*) {
    const ssize_t got = ::pread(image, buffer, size, offset);
    return got < 0 ? -errno : static_cast<int>(got);
}

int write_file(const char*, const char* buffer, std::size_t size, off_t offset, fuse_file_info*) {
    if (!record(static_cast<std::uint64_t>(offset), buffer, static_cast<std::uint32_t>(size)))
        return -EIO;
    const ssize_t put = ::pwrite(image, buffer, size, offset);
    return put < 0 ? -errno : static_cast<int>(put);
}

int flush_disk(const char*, int, fuse_file_info*) {
    return record(~std::uint64_t{0}, "", 0) ? 0 : -EIO;
}

/// A discarded block reads as zeros; the kernel is told that there is no such thing, so that all it
/// does is written.
int no_discard(const char*, int, off_t, off_t, fuse_file_info*) {
    return -EOPNOTSUPP;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return std::fprintf(stderr, "recording_disk IMAGE LOG MOUNT_POINT\n"), 2;
    image = ::open(argv[1], O_RDWR | O_CLOEXEC);
    recorded = ::open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (image < 0 || recorded < 0) return std::perror("recording_disk"), 1;
    fuse_operations operations{};
    operations.getattr = get_attributes;
    operations.open = open_file;
    operations.read = read_file;
    operations.write = write_file;
    operations.fsync = flush_disk;
    operations.fallocate = no_discard;
    char foreground[] = "-f";
    char one_thread[] = "-s";
    char* arguments[] = {argv[0], foreground, one_thread, argv[3], nullptr};
    return fuse_main(4, arguments, &operations, nullptr);
}
