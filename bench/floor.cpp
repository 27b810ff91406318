// The physical limit of quantizing as a program: reads every byte of INPUT once (a sum in SIMD
// registers, so that the reads are real), and writes BYTES bytes to a new file OUTPUT in blocks of
// 4 MiB, with the same number of threads, no sync.
//
//   floor mapped|pread INPUT OUTPUT BYTES THREADS
//
// "mapped" reads through a mapping, "pread" into one buffer a thread; the better of the two is the
// floor. Shares no code with octet.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::uint64_t kBlock = 4U << 20U;

struct Work {
    int input = -1;
    int output = -1;
    const unsigned char* mapping = nullptr;  // null: pread
    std::uint64_t input_bytes = 0;
    std::uint64_t output_bytes = 0;
    std::atomic<std::uint64_t> next{0};
    std::atomic<std::uint64_t> sum{0};
};

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(1);
}

/// Adds 64-bit words; the compiler vectorizes it. Bytes behind the last word are left out, which
/// changes nothing measurable.
std::uint64_t sum_words(const unsigned char* data, std::uint64_t size) {
    std::uint64_t sums[8] = {};
    for (std::uint64_t i = 0; i + 64 <= size; i += 64) {
        for (std::uint64_t k = 0; k < 8; ++k) {
            std::uint64_t word;
            std::memcpy(&word, data + i + 8 * k, 8);
            sums[k] += word;
        }
    }
    std::uint64_t sum = 0;
    for (const std::uint64_t part : sums) sum += part;
    return sum;
}

/// Blocks in order; after each input block the matching share of the output.
void run(Work& work) {
    std::vector<unsigned char> in(work.mapping == nullptr ? kBlock : 0);
    std::vector<unsigned char> out(kBlock, 0x5A);
    const std::uint64_t read_blocks = (work.input_bytes + kBlock - 1) / kBlock;
    const std::uint64_t write_blocks = (work.output_bytes + kBlock - 1) / kBlock;
    for (std::uint64_t i = work.next.fetch_add(1); i < read_blocks + write_blocks;
         i = work.next.fetch_add(1)) {
        // Writes are spread evenly between the reads, as a quantizer's are.
        const std::uint64_t writes_before = i * write_blocks / (read_blocks + write_blocks);
        const bool writes = (i + 1) * write_blocks / (read_blocks + write_blocks) > writes_before;
        const std::uint64_t at = (writes ? writes_before : i - writes_before) * kBlock;
        if (writes) {
            const std::uint64_t size = std::min(kBlock, work.output_bytes - at);
            if (pwrite(work.output, out.data(), size, static_cast<off_t>(at)) !=
                static_cast<ssize_t>(size))
                die("write");
            continue;
        }
        const std::uint64_t size = std::min(kBlock, work.input_bytes - at);
        if (work.mapping != nullptr) {
            work.sum += sum_words(work.mapping + at, size);
        } else {
            if (pread(work.input, in.data(), size, static_cast<off_t>(at)) !=
                static_cast<ssize_t>(size))
                die("read");
            work.sum += sum_words(in.data(), size);
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 6) {
        std::fprintf(stderr, "usage: floor mapped|pread INPUT OUTPUT BYTES THREADS\n");
        return 2;
    }
    Work work;
    work.input = open(argv[2], O_RDONLY);
    if (work.input < 0) die(argv[2]);
    struct stat status {};
    if (fstat(work.input, &status) != 0) die(argv[2]);
    work.input_bytes = static_cast<std::uint64_t>(status.st_size);
    work.output_bytes = std::strtoull(argv[4], nullptr, 10);
    work.output = open(argv[3], O_RDWR | O_CREAT | O_TRUNC, 0666);
    if (work.output < 0) die(argv[3]);
    if (work.output_bytes > 0 &&
        fallocate(work.output, 0, 0, static_cast<off_t>(work.output_bytes)) != 0) {
        if (ftruncate(work.output, static_cast<off_t>(work.output_bytes)) != 0) die(argv[3]);
    }
    if (std::string(argv[1]) == "mapped") {
        void* const mapping = mmap(nullptr, work.input_bytes, PROT_READ, MAP_SHARED, work.input, 0);
        if (mapping == MAP_FAILED) die("mmap");
        work.mapping = static_cast<const unsigned char*>(mapping);
    }
    std::vector<std::thread> threads;
    for (int i = 1; i < std::atoi(argv[5]); ++i) threads.emplace_back([&work] { run(work); });
    run(work);
    for (std::thread& thread : threads) thread.join();
    std::printf("%llu\n", static_cast<unsigned long long>(work.sum.load()));
    return 0;
}
