// One handler of SIGBUS for the process: a thread inside read_mapped() jumps back to it with the
// address, any other fault is what it was before. Whether pages are cached is asked by mincore.
#include "io/mapping.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <mutex>
#include <utility>
#include <vector>

namespace octet::io {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kMappedAtOnce = 64U << 10U;

struct sigaction g_previous;

/// A worker inside read_mapped() jumps back to it; anything else is what it was before.
void on_bus_error(int signal, siginfo_t* info, void* context) {
    if (sigjmp_buf* const target = detail::fault_target()) siglongjmp(*target, 1);
    if ((g_previous.sa_flags & SA_SIGINFO) != 0)
        return g_previous.sa_sigaction(signal, info, context);
    if (g_previous.sa_handler != SIG_DFL && g_previous.sa_handler != SIG_IGN)
        return g_previous.sa_handler(signal);
    std::signal(signal, SIG_DFL);  // the fault comes again at once and ends the process
}

}  // namespace

namespace detail {

sigjmp_buf*& fault_target() noexcept {
    thread_local sigjmp_buf* target = nullptr;
    return target;
}

void install_fault_handler() noexcept {
    static std::once_flag once;
    std::call_once(once, [] {
        struct sigaction action {};
        action.sa_sigaction = on_bus_error;
        action.sa_flags =
            SA_SIGINFO | SA_NODEFER;  // left by a jump: the signal must not stay blocked
        sigemptyset(&action.sa_mask);
        sigaction(SIGBUS, &action, &g_previous);
    });
}

}  // namespace detail

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

Mapping::~Mapping() {
    if (size_ > 0) ::munmap(data_, size_);
}

Mapping Mapping::of(const File& file) noexcept {
    if (file.size() == 0) return {};
    void* const data = ::mmap(nullptr, file.size(), PROT_READ, MAP_SHARED, file.descriptor(), 0);
    if (data == MAP_FAILED) return {};
    detail::install_fault_handler();
    return {static_cast<std::byte*>(data), file.size()};
}

bool Mapping::is_cached(std::uint64_t offset, std::uint64_t size) const noexcept {
    const std::uint64_t first = offset / kPage * kPage;
    std::vector<unsigned char> resident((offset + size - first + kPage - 1) / kPage);
    if (::mincore(data_ + first, offset + size - first, resident.data()) != 0) return false;
    return std::all_of(resident.begin(), resident.end(),
                       [](unsigned char page) { return (page & 1U) != 0; });
}

// A question for all pages of 2 MiB that are cached and not mapped takes the system 70 us, one for
// a page less than one.
bool Mapping::looks_cached(std::uint64_t offset, std::uint64_t size) const noexcept {
    constexpr std::uint64_t kAskedFor = 512U << 10U;
    for (std::uint64_t done = 0; done < size; done += kAskedFor) {
        unsigned char resident = 0;
        if (::mincore(data_ + (offset + done) / kPage * kPage, 1, &resident) != 0 ||
            (resident & 1U) == 0)
            return false;
    }
    return true;
}

std::uint64_t minor_faults() noexcept {
    rusage usage{};
    return ::getrusage(RUSAGE_THREAD, &usage) == 0 ? static_cast<std::uint64_t>(usage.ru_minflt)
                                                   : 0;
}

std::uint64_t memory_size() noexcept {
    const long pages = ::sysconf(_SC_PHYS_PAGES);
    const long page = ::sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0
               ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page)
               : 0;
}

// By touching it: MADV_POPULATE_READ holds a lock for all of the range that another thread's
// allocations wait for, up to 4 ms each. A fault maps what is cached of 64 KiB.
bool Mapping::populate(std::uint64_t offset, std::uint64_t size) const noexcept {
    return read_mapped([&] {
        for (std::uint64_t done = 0; done < size; done += kMappedAtOnce)
            static_cast<void>(*static_cast<const volatile std::byte*>(data_ + offset + done));
    });
}

// What was read in sequence is taken not to be read again.
void Mapping::leave_unmarked() const noexcept {
    if (size_ > 0) ::madvise(data_, size_, MADV_SEQUENTIAL);
}

void Mapping::drop(std::uint64_t offset, std::uint64_t size) const noexcept {
    constexpr std::uintptr_t kFolio = 2U << 20U;
    const auto begin = reinterpret_cast<std::uintptr_t>(data_);
    const std::uintptr_t end = (begin + size_ + 4095) / 4096 * 4096;
    const std::uintptr_t first = std::max(begin, (begin + offset) / kFolio * kFolio);
    const std::uintptr_t last =
        std::min(end, (begin + offset + size + kFolio - 1) / kFolio * kFolio);
    if (last > first) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

}  // namespace octet::io
