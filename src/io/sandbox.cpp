// Landlock for paths, with the rights that the running kernel knows, and a seccomp filter for
// calls: a list of those that are refused, as libraries need more than can be listed. Where the
// kernel has neither, nothing happens.
#include "io/sandbox.hpp"

#ifdef __linux__
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#endif

namespace octet::io {

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))

namespace {

/// Of linux/landlock.h, which old systems lack: the numbers are the kernel's for ever. Access
/// rights, by the version that brought them.
constexpr long kCreateRuleset = 444;
constexpr long kAddRule = 445;
constexpr long kRestrictSelf = 446;
constexpr int kPathBeneath = 1;
constexpr unsigned kVersionFlag = 1;
constexpr std::uint64_t kWriteFile = 1U << 1U;
constexpr std::uint64_t kReadFile = 1U << 2U;
constexpr std::uint64_t kReadDir = 1U << 3U;
constexpr std::uint64_t kAllOfVersion1 = (1U << 13U) - 1;
constexpr std::uint64_t kRefer = 1U << 13U;
constexpr std::uint64_t kTruncate = 1U << 14U;
constexpr std::uint64_t kExecute = 1U << 0U;
/// Devices, sockets and pipes are made by nobody: not in what kWrite allows.
constexpr std::uint64_t kMakeSpecial = (1U << 6U) | (1U << 9U) | (1U << 10U) | (1U << 11U);

struct RulesetAttributes {
    std::uint64_t handled;
};

struct __attribute__((packed)) PathRule {
    std::uint64_t allowed;
    std::int32_t parent;
};

/// What loading libcrypto or a tokenizer's library reads, and what the C library asks about the
/// machine.
constexpr std::array kSystemPaths = {"/lib",
                                     "/lib64",
                                     "/usr/lib",
                                     "/usr/lib64",
                                     "/usr/local/lib",
                                     "/etc/ld.so.cache",
                                     "/etc/ssl",
                                     "/usr/lib/ssl",
                                     "/proc/self",
                                     "/proc/cpuinfo",
                                     "/proc/meminfo",
                                     "/proc/sys/crypto",
                                     "/sys/devices/system/cpu"};

std::uint64_t handled_by(long version) {
    return kAllOfVersion1 | (version >= 2 ? kRefer : 0) | (version >= 3 ? kTruncate : 0);
}

/// Silently nothing where there is nothing.
void allow(int ruleset, const char* path, std::uint64_t rights) noexcept {
    const auto fd = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, O_PATH | O_CLOEXEC));
    if (fd < 0) return;
    struct stat status {};
    if (::fstat(fd, &status) == 0) {
        constexpr std::uint64_t kOfFiles = kWriteFile | kReadFile | kTruncate;
        const PathRule rule{S_ISDIR(status.st_mode) ? rights : rights & kOfFiles, fd};
        ::syscall(kAddRule, ruleset, kPathBeneath, &rule, 0);
    }
    ::close(fd);
}

bool restrict_paths(const std::vector<AllowedPath>& allowed) noexcept {
    const long version = ::syscall(kCreateRuleset, nullptr, 0, kVersionFlag);
    if (version < 2) return false;  // the first one forbids every rename from one folder to another
    const RulesetAttributes attributes{handled_by(version)};
    const auto ruleset =
        static_cast<int>(::syscall(kCreateRuleset, &attributes, sizeof(attributes), 0));
    if (ruleset < 0) return false;
    const std::uint64_t read = kReadFile | kReadDir;
    const std::uint64_t write = attributes.handled & ~(kMakeSpecial | kExecute);
    for (const char* const path : kSystemPaths) allow(ruleset, path, read);
    allow(ruleset, "/dev/null", read | kWriteFile);
    for (const AllowedPath& one : allowed)
        allow(ruleset, one.path.c_str(), one.access == Access::kWrite ? write : read);
    const bool restricted = ::syscall(kRestrictSelf, ruleset, 0) == 0;
    ::close(ruleset);
    return restricted;
}

/// Networks, other programs, and ways around these rules.
constexpr std::array kDenied = {SYS_socket,
                                SYS_socketpair,
                                SYS_connect,
                                SYS_bind,
                                SYS_listen,
                                SYS_accept4,
                                SYS_execve,
                                SYS_execveat,
                                SYS_ptrace,
                                SYS_process_vm_readv,
                                SYS_process_vm_writev,
                                SYS_mount,
                                SYS_umount2,
                                SYS_pivot_root,
                                SYS_chroot,
                                SYS_setns,
                                SYS_unshare,
                                SYS_bpf,
                                SYS_keyctl,
                                SYS_io_uring_setup,
                                SYS_userfaultfd,
                                SYS_perf_event_open};

#ifdef __x86_64__
constexpr std::uint32_t kOwnArchitecture = AUDIT_ARCH_X86_64;
constexpr std::uint32_t kFirstOfOtherNumbering =
    0x40000000;  // x32, the same calls under other numbers
#else
constexpr std::uint32_t kOwnArchitecture = AUDIT_ARCH_AARCH64;
constexpr std::uint32_t kFirstOfOtherNumbering = 0xFFFFFFFF;
#endif

/// A program of the kernel's filter machine: another architecture or numbering, or one of kDenied:
/// EPERM; all else is allowed.
bool restrict_calls() noexcept {
    constexpr std::size_t kHead = 4;
    constexpr std::size_t kSize = kHead + kDenied.size() + 2;
    std::array<sock_filter, kSize> program{};
    const auto to_end = [](std::size_t at) {
        return static_cast<std::uint8_t>(kSize - 1 - (at + 1));
    };
    const auto word = [](std::size_t offset) {
        return sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(offset)};
    };
    program[0] = word(offsetof(seccomp_data, arch));
    program[1] = {BPF_JMP | BPF_JEQ | BPF_K, 0, to_end(1), kOwnArchitecture};
    program[2] = word(offsetof(seccomp_data, nr));
    program[3] = {BPF_JMP | BPF_JGE | BPF_K, to_end(3), 0, kFirstOfOtherNumbering};
    for (std::size_t i = 0; i < kDenied.size(); ++i)
        program[kHead + i] = {BPF_JMP | BPF_JEQ | BPF_K, to_end(kHead + i), 0,
                              static_cast<std::uint32_t>(kDenied[i])};
    program[kSize - 2] = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
    program[kSize - 1] = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM};
    const sock_fprog filter{static_cast<std::uint16_t>(program.size()), program.data()};
    return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

}  // namespace

Sandbox enter_sandbox(const std::vector<AllowedPath>& allowed) noexcept {
    Sandbox sandbox;
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return sandbox;
    sandbox.paths = restrict_paths(allowed);
    sandbox.calls = restrict_calls();
    return sandbox;
}

#else

Sandbox enter_sandbox(const std::vector<AllowedPath>&) noexcept {
    return {};
}

#endif

}  // namespace octet::io
