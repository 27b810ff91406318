// Output in chunks that come in any order: every byte at its place, and the checksums of what came
// in order.
#include <algorithm>
#include <cerrno>
#include <thread>

#include "pipeline/output_queue.hpp"
#include "quant/checksum.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

using pipeline::OutputQueue;
using pipeline::OutputStream;

constexpr std::uint64_t kChunkBytes = pipeline::kHashedChunkBytes;
constexpr std::uint64_t kStart = 1003;  // an odd place: headers end anywhere
constexpr std::uint64_t kTensorBytes = 3 * kChunkBytes + 12'345;
constexpr std::uint64_t kTensors = 6;

std::vector<std::byte> made_bytes(std::uint64_t size) {
    std::mt19937 random(7);
    std::vector<std::byte> bytes(size);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    return bytes;
}

/// A file of six tensors, its "header" written.
struct Target {
    TemporaryFolder folder;
    std::vector<std::byte> bytes = made_bytes(kStart + kTensors * kTensorBytes);
    io::File file = io::File::create(folder.path() / "out", bytes.size());

    Target() { file.write_at(std::span(bytes).first(kStart), 0); }

    /// A queue with that much memory for the tensors behind the header.
    OutputQueue queue(std::uint64_t memory_bytes) const {
        std::vector<pipeline::FileHasher> files;
        files.emplace_back(file, kStart, kStart + kTensors * kTensorBytes);
        return OutputQueue(std::move(files), true, memory_bytes);
    }

    void put(OutputQueue& queue, std::uint64_t tensor) {
        const std::uint64_t from = kStart + tensor * kTensorBytes;
        OutputStream stream(queue, &file, from);
        for (std::uint64_t done = 0; done < kTensorBytes;) {
            const std::uint64_t size = std::min<std::uint64_t>(100'000, kTensorBytes - done);
            const std::span<std::byte> room = stream.next(size);
            std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(from + done), size,
                        room.begin());
            done += size;
        }
        stream.finish();
    }

    std::vector<std::byte> written() const {
        std::vector<std::byte> back(file.size());
        file.read_at(back, 0);
        return back;
    }

    std::size_t all_pieces() const {
        return (bytes.size() + quant::kPieceBytes - 1) / quant::kPieceBytes;
    }

    /// Pieces that were hashed in passing are right; returns how many.
    std::size_t known_pieces(OutputQueue& queue) const {
        std::vector<pipeline::FileHasher> hashers = queue.take_hashers();
        REQUIRE(hashers.size() == 1);
        const auto pieces = hashers[0].take_pieces();
        REQUIRE(pieces.size() == all_pieces());
        std::size_t known = 0;
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            const std::size_t at = i * quant::kPieceBytes;
            const auto piece = std::span(bytes).subspan(
                at, std::min<std::size_t>(quant::kPieceBytes, bytes.size() - at));
            if (!pieces[i]) continue;
            ++known;
            REQUIRE(*pieces[i] == quant::checksum_of(piece));
        }
        return known;
    }
};

TEST_CASE("output that is handed in in order is written and hashed whole") {
    Target target;
    OutputQueue queue = target.queue(2 * kChunkBytes);
    for (std::uint64_t i = 0; i < kTensors; ++i) target.put(queue, i);
    queue.finish();
    REQUIRE(target.written() == target.bytes);
    REQUIRE(target.known_pieces(queue) == target.all_pieces());
}

TEST_CASE("output that waits for its turn is written and hashed in order") {
    Target target;
    OutputQueue queue = target.queue(16 * kChunkBytes);
    for (const std::uint64_t i : {1U, 0U, 3U, 2U, 4U, 5U}) target.put(queue, i);
    queue.finish();
    REQUIRE(target.written() == target.bytes);
    REQUIRE(target.known_pieces(queue) == target.all_pieces());
}

TEST_CASE("where memory is short output goes out of order, and only whole pieces count as hashed") {
    Target target;
    OutputQueue queue = target.queue(2 * kChunkBytes);
    for (std::uint64_t i = kTensors; i-- > 0;) target.put(queue, i);
    queue.finish();
    REQUIRE(target.written() == target.bytes);
    REQUIRE(target.known_pieces(queue) < target.all_pieces());
}

TEST_CASE(
    "a stretch has the checksums of its own pieces where it comes in order, and none of those that "
    "do not") {
    for (const bool in_order : {true, false}) {
        Target target;
        OutputQueue queue = target.queue((in_order ? 16 : 2) * kChunkBytes);
        // Two tensors each; of the second the last tensor never comes.
        const std::uint64_t begins[] = {kStart, kStart + 3 * kTensorBytes};
        for (const std::uint64_t begin : begins)
            queue.hash_stretch(target.file, begin, 2 * kTensorBytes);
        const std::vector<std::uint64_t> order = in_order
                                                     ? std::vector<std::uint64_t>{1, 0, 2, 3, 5}
                                                     : std::vector<std::uint64_t>{5, 1, 3, 0, 2};
        for (const std::uint64_t i : order) target.put(queue, i);
        queue.finish();
        std::vector<std::size_t> known;
        for (std::size_t i = 0; i < 2; ++i) {
            const auto pieces = queue.take_stretch(i);
            const std::span<const std::byte> stretch =
                std::span<const std::byte>(target.bytes).subspan(begins[i], 2 * kTensorBytes);
            REQUIRE(pieces.size() ==
                    (stretch.size() + quant::kPieceBytes - 1) / quant::kPieceBytes);
            known.push_back(0);
            for (std::size_t k = 0; k < pieces.size(); ++k) {
                if (!pieces[k]) continue;
                ++known.back();
                const std::size_t at = k * quant::kPieceBytes;
                const std::size_t size =
                    std::min<std::size_t>(quant::kPieceBytes, stretch.size() - at);
                REQUIRE(*pieces[k] == quant::checksum_of(stretch.subspan(at, size)));
            }
        }
        if (in_order) REQUIRE(known == std::vector<std::size_t>{2, 0});
        if (!in_order) REQUIRE(known[0] < 2);
    }
}

TEST_CASE("many workers with few chunks write everything", "[pipeline]") {
    for (const std::uint64_t chunks : {1U, 2U, 5U}) {
        Target target;
        OutputQueue queue = target.queue(chunks * kChunkBytes);
        {
            std::vector<std::jthread> workers;
            for (std::uint64_t i = 0; i < kTensors; ++i)
                workers.emplace_back([&, i] { target.put(queue, i); });
        }
        queue.finish();
        REQUIRE(target.written() == target.bytes);
        target.known_pieces(queue);
    }
}

ssize_t full_disk(int, const void*, std::size_t, off_t) {
    errno = ENOSPC;
    return -1;
}

TEST_CASE("a chunk that cannot be written is an error, and leaves the queue usable") {
    Target target;
    OutputQueue queue = target.queue(kChunkBytes);
    {
        const SystemCallsGuard guard;
        io::system_calls().pwrite = full_disk;
        REQUIRE(error_of([&] { target.put(queue, 0); }).starts_with("4 "));
    }
    std::byte* const chunk = queue.take();  // would wait for ever if the failed one had been lost
    queue.give_back(chunk);
}

}  // namespace
}  // namespace octet::test
