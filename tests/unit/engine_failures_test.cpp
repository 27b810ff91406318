// The pipeline when reading or writing fails under it: one clear error, nobody left waiting.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <functional>

#include "codecs/quantize.hpp"
#include "codecs/run.hpp"
#include "formats/octet_set/octet_format.hpp"
#include "io/file.hpp"
#include "pipeline/workers.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

std::atomic<int> calls_left;  ///< the call that makes this 0 fails
std::atomic<unsigned> call_number;

bool is_the_one() {
    return calls_left.fetch_sub(1) == 1;
}

ssize_t failing_pread(int fd, void* buffer, std::size_t count, off_t offset) {
    if (is_the_one()) {
        errno = EIO;
        return -1;
    }
    return ::pread(fd, buffer, count, offset);
}

ssize_t failing_pwrite(int fd, const void* buffer, std::size_t count, off_t offset) {
    if (is_the_one()) {
        errno = ENOSPC;
        return -1;
    }
    return ::pwrite(fd, buffer, count, offset);
}

ssize_t vanishing_pread(int fd, void* buffer, std::size_t count, off_t offset) {
    return is_the_one() ? 0 : ::pread(fd, buffer, count, offset);
}

/// Every third call is interrupted; the others move at most 100,001 bytes, an odd number.
ssize_t reluctant_pread(int fd, void* buffer, std::size_t count, off_t offset) {
    if (call_number.fetch_add(1) % 3 == 0) {
        errno = EINTR;
        return -1;
    }
    return ::pread(fd, buffer, std::min<std::size_t>(count, 100'001), offset);
}

ssize_t reluctant_pwrite(int fd, const void* buffer, std::size_t count, off_t offset) {
    if (call_number.fetch_add(1) % 3 == 0) {
        errno = EINTR;
        return -1;
    }
    return ::pwrite(fd, buffer, std::min<std::size_t>(count, 100'001), offset);
}

ssize_t refusing_pwrite(int, const void*, std::size_t, off_t) {
    return 0;
}

/// How the source is read from here on: "mapped" or "pread". Injected reads need the second.
void force_reader(const char* reader) {
    ::setenv("OCTET_READER", reader, 1);
}

/// Twelve tensors of float32 and one larger than the memory of the pipeline, in a file that is
/// mostly holes.
class Road {
  public:
    Road(const Road&) = delete;
    Road& operator=(const Road&) = delete;
    ~Road() { ::unsetenv("OCTET_READER"); }

    Road() {
        force_reader("pread");
        std::uint64_t source = 3;  // unaligned, as in GPT-2's own file
        std::uint64_t target = 0;
        for (int i = 0; i < 13; ++i) {
            const std::uint64_t elements =
                i == 6 ? (pipeline::kBufferBytes + (26U << 20U)) / 4 + 77 : 400'000;
            shapes_.push_back({elements});
            sources_.push_back({nullptr, source, elements * sizeof(float)});
            targets_.push_back({nullptr, target, elements});
            source += elements * sizeof(float);
            target += elements;
        }
        source_bytes_ = source;
        target_bytes_ = target;
        write_file(folder_ / "source", "");
        std::filesystem::resize_file(folder_ / "source", source_bytes_);
        // Something else than zeros here and there.
        std::fstream stream(folder_ / "source", std::ios::in | std::ios::out | std::ios::binary);
        const float value = 1.25F;
        for (std::uint64_t at = 3; at + 4 < source_bytes_; at += 1'000'004) {
            stream.seekp(static_cast<std::streamoff>(at));
            stream.write(reinterpret_cast<const char*>(&value), sizeof value);
        }
    }

    std::string run(unsigned threads) {
        std::filesystem::remove(folder_ / "target");
        const io::File source = io::File::open_for_reading(folder_ / "source");
        const io::File target = io::File::create(folder_ / "target", target_bytes_);
        const octet_set::OctetFormat format;
        const codecs::TakeResult take = [](std::size_t, codecs::TensorResult&&) {};
        const Scheme scheme;
        codecs::TaskList tasks;
        for (std::size_t i = 0; i < shapes_.size(); ++i) {
            sources_[i].file = &source;
            targets_[i].file = &target;
            tasks.add<codecs::QuantizeTask>(
                codecs::QuantizeJob{Dtype::kF32, scheme, "t", shapes_[i]}, sources_[i], targets_[i],
                format, i, take);
        }
        WriteOptions options;
        options.threads = threads;
        if (before_run_) before_run_();
        return error_of([&] { tasks.run(options); });
    }

    void before_run(std::function<void()> call) { before_run_ = std::move(call); }
    std::string output() const { return read_file(folder_ / "target"); }
    std::string source_name() const { return (folder_ / "source").native(); }
    std::string target_name() const { return (folder_ / "target").native(); }
    std::uint64_t source_bytes() const { return source_bytes_; }

  private:
    TemporaryFolder folder_;
    std::vector<Shape> shapes_;
    std::vector<pipeline::Stretch> sources_;
    std::vector<pipeline::Stretch> targets_;
    std::uint64_t source_bytes_ = 0;
    std::uint64_t target_bytes_ = 0;
    std::function<void()> before_run_;
};

TEST_CASE("one failing read anywhere is one clear error", "[pipeline]") {
    const SystemCallsGuard guard;
    Road road;
    io::system_calls().pread = failing_pread;
    for (const int call : {1, 2, 5, 9, 12, 20, 25}) {
        for (const unsigned threads : {1U, 2U, 3U, 8U}) {
            calls_left = call;
            INFO("call " << call << ", " << threads << " threads");
            REQUIRE(road.run(threads) ==
                    "4 " + road.source_name() +
                        ": cannot read: Input/output error; check the disk and try again");
        }
    }
}

TEST_CASE("one failing write anywhere is one clear error", "[pipeline]") {
    const SystemCallsGuard guard;
    Road road;
    io::system_calls().pwrite = failing_pwrite;
    for (const int call : {1, 3, 7, 10, 15}) {
        for (const unsigned threads : {1U, 2U, 3U, 8U}) {
            calls_left = call;
            INFO("call " << call << ", " << threads << " threads");
            REQUIRE(
                road.run(threads) ==
                "4 " + road.target_name() +
                    ": cannot write: No space left on device; free some space or choose another "
                    "target");
        }
    }
}

TEST_CASE("every call failing is still one error", "[pipeline]") {
    const SystemCallsGuard guard;
    Road road;
    io::system_calls().pread = [](int, void*, std::size_t, off_t) -> ssize_t {
        errno = EIO;
        return -1;
    };
    for (const unsigned threads : {1U, 2U, 3U, 8U})
        REQUIRE(road.run(threads) ==
                "4 " + road.source_name() +
                    ": cannot read: Input/output error; check the disk and try again");
}

TEST_CASE("short and interrupted reads and writes change nothing", "[pipeline]") {
    const SystemCallsGuard guard;
    Road road;
    REQUIRE(road.run(2) == "nothing");
    const std::string expected = road.output();
    io::system_calls().pread = reluctant_pread;
    io::system_calls().pwrite = reluctant_pwrite;
    for (const unsigned threads : {1U, 3U}) {
        REQUIRE(road.run(threads) == "nothing");
        REQUIRE((road.output() == expected));
    }
    REQUIRE(call_number > 1000U);
}

TEST_CASE("a write that takes nothing is an error instead of a loop", "[pipeline]") {
    const SystemCallsGuard guard;
    Road road;
    io::system_calls().pwrite = refusing_pwrite;
    REQUIRE(road.run(2).rfind("4 " + road.target_name() + ": cannot write: No space left on device",
                              0) == 0);
}

TEST_CASE("a source that ends while it is read is named with the byte", "[pipeline]") {
    const SystemCallsGuard guard;
    Road road;
    io::system_calls().pread = vanishing_pread;
    calls_left = 1;
    REQUIRE(road.run(1).rfind("4 " + road.source_name() + ": ended at byte 3 of ", 0) == 0);
}

TEST_CASE("a source that was cut meanwhile is an error at any number of threads", "[pipeline]") {
    Road road;
    force_reader(GENERATE("pread", "mapped"));
    const std::uint64_t whole = road.source_bytes();
    for (const std::uint64_t left :
         {std::uint64_t{0}, std::uint64_t{1'000'000}, whole / 2, whole - 1}) {
        for (const unsigned threads : {1U, 2U, 3U, 8U}) {
            road.before_run([&] { std::filesystem::resize_file(road.source_name(), left); });
            const std::string error = road.run(threads);
            std::filesystem::resize_file(road.source_name(), whole);
            INFO(left << " bytes left, " << threads << " threads: " << error);
            REQUIRE(error.rfind("4 " + road.source_name() + ": ended at byte ", 0) == 0);
            REQUIRE(error.find(" while it was read; let nothing write to it and try again") !=
                    error.npos);
        }
    }
}

}  // namespace
}  // namespace octet::test
