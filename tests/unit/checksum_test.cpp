// Checksums: XXH3-128 as published, the same on every instruction set, and the hash of the hashes
// of pieces.
#include <algorithm>
#include <limits>

#include "quant/block_state.hpp"
#include "quant/checksum.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

std::vector<std::byte> random_bytes(unsigned seed, std::size_t size) {
    std::mt19937 random(seed);
    std::vector<std::byte> bytes(size);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    return bytes;
}

/// The hash of `bytes` given to the kernels in parts of at most `part` bytes.
std::string hash_in_parts(const kernels::Kernels& table, std::span<const std::byte> bytes,
                          std::size_t part) {
    kernels::HashState state;
    table.hash_begin(state);
    for (std::size_t at = 0; at < bytes.size(); at += part)
        table.hash_add(state, bytes.data() + at, std::min(part, bytes.size() - at));
    return checksum_text(quant::end_hash(table, state));
}

/// From the xxhash package for Python; byte i is i * 7 + i / 256, modulo 256.
TEST_CASE("the known hashes of XXH3-128 come out of every instruction set") {
    struct Known {
        std::size_t size;
        std::string_view hash;
    };
    const Known known[] = {
        {0, "99aa06d3014798d86001c324468d497f"},      {1, "a6cd5e9392000f6ac44bdff4074eecdb"},
        {3, "656e81c56e41fe02c3489259e968ad9e"},      {4, "ab5c3e7474d809db81a65295de8e7dde"},
        {8, "e4b9dd0b66ff3c50ebabbd0695002ff6"},      {9, "82ddc95bc76007671c69c3f04aaed08c"},
        {16, "ddf6c1254d70f76794eaa17b20756f46"},     {17, "263f67af63088041735fe434ded90c3c"},
        {128, "dd9e5aa9bd51cc9cc6bd21ecc865f29f"},    {129, "00433635cf8d872e7f4accb76587485b"},
        {240, "89e3a0a2ee355d25d10beb4e0599e4b3"},    {241, "75f4da43f23cce5a541b19226f0052e8"},
        {512, "3f0a980eaa6f28f8e0410eb388a9c9fa"},    {1024, "a3da96fbd688736171bee625238addb4"},
        {1025, "a53cd4fd16206676d9b414f4e1bbf7ad"},   {4096, "08ef8fc6d37a71915c722d9ceb6f9064"},
        {100000, "4e53faeda1b5812bb25cea78018497ff"},
    };
    std::vector<std::byte> bytes(100'000);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::byte>(i * 7 + i / 256);
    for (const kernels::Kernels* table : available_kernels()) {
        for (const Known& k : known) {
            INFO(table->name << " " << k.size);
            REQUIRE(hash_in_parts(*table, std::span(bytes).first(k.size), bytes.size()) == k.hash);
        }
    }
}

TEST_CASE("hashes are the same on every instruction set and in any parts") {
    const std::vector<std::byte> bytes = random_bytes(81, 5003);
    for (std::size_t size = 0; size <= 5000; ++size) {
        const auto run = std::span(bytes).subspan(size % 4, size);
        const std::string expected = hash_in_parts(*available_kernels().front(), run, 5000);
        for (const kernels::Kernels* table : available_kernels()) {
            if (hash_in_parts(*table, run, 5000) != expected)
                FAIL(table->name << " differs at size " << size);
            if (size > 0 && hash_in_parts(*table, run, 1 + size % 700) != expected)
                FAIL(table->name << " differs in parts at size " << size);
        }
    }
}

TEST_CASE("values hashed while their range is taken have the hash and the range of two passes") {
    std::mt19937 random(83);
    std::normal_distribution<float> normal(0.0F, 1.0F);
    std::vector<float> values(3000);
    for (float& value : values) value = normal(random);
    values[1234] = -0.0F;
    const auto all = std::as_bytes(std::span(values));
    std::vector<std::byte> memory(all.size() + 64);
    for (std::size_t count = 0; count <= values.size(); count += count < 600 ? 1 : 37) {
        const auto bytes = all.first(count * sizeof(float));
        const auto place = std::span(memory).subspan(count % 64, bytes.size());  // at any alignment
        std::copy(bytes.begin(), bytes.end(), place.begin());
        const kernels::Kernels& scalar = *available_kernels().front();
        const std::string expected = hash_in_parts(scalar, bytes, all.size());
        kernels::Range range = quant::empty_range();
        scalar.range_f32(bytes.data(), count, range);
        for (const kernels::Kernels* table : available_kernels()) {
            for (const std::size_t part : {std::size_t{3000}, 1 + count % 700}) {
                kernels::HashState state;
                table->hash_begin(state);
                kernels::Range found = quant::empty_range();
                for (std::size_t at = 0; at < count; at += part)
                    table->range_and_hash_f32(place.data() + at * sizeof(float),
                                              std::min(part, count - at), found, state);
                INFO(table->name << ", " << count << " values in parts of " << part);
                REQUIRE(checksum_text(quant::end_hash(*table, state)) == expected);
                REQUIRE(found.finite);
                REQUIRE(found.min == range.min);
                REQUIRE(found.max == range.max);
            }
        }
    }
}

TEST_CASE("a value that is not finite is seen wherever it stands while values are hashed") {
    std::vector<float> values(1500, 1.0F);
    for (const kernels::Kernels* table : available_kernels()) {
        for (std::size_t at = 0; at < values.size(); ++at) {
            for (const float bad : {std::numeric_limits<float>::infinity(),
                                    std::numeric_limits<float>::quiet_NaN()}) {
                values[at] = bad;
                kernels::HashState state;
                table->hash_begin(state);
                kernels::Range found = quant::empty_range();
                table->range_and_hash_f32(values.data(), values.size(), found, state);
                INFO(table->name << " at " << at);
                REQUIRE_FALSE(found.finite);
            }
            values[at] = 1.0F;
        }
    }
}

TEST_CASE("a checksum by pieces is the hash of the hashes of 4 MiB each") {
    const std::vector<std::byte> bytes = random_bytes(82, 2 * quant::kPieceBytes + 5);
    const std::span<const std::byte> all(bytes);
    for (const std::uint64_t size :
         {std::uint64_t{0}, std::uint64_t{1}, quant::kPieceBytes - 1, quant::kPieceBytes,
          quant::kPieceBytes + 1, 2 * quant::kPieceBytes + 5}) {
        std::vector<std::byte> hashes;
        for (std::uint64_t at = 0; at < size; at += quant::kPieceBytes) {
            const Checksum piece =
                quant::checksum_of(all.subspan(at, std::min(quant::kPieceBytes, size - at)));
            for (const unsigned char byte : piece.bytes)
                hashes.push_back(static_cast<std::byte>(byte));
        }
        const Checksum expected = quant::checksum_of(hashes);
        for (const std::uint64_t part :
             {quant::kPieceBytes / 3, quant::kPieceBytes, std::uint64_t{bytes.size()}}) {
            INFO(size << " bytes in parts of " << part);
            quant::PieceHasher hasher;
            for (std::uint64_t at = 0; at < size; at += part)
                hasher.add(all.subspan(at, std::min(part, size - at)));
            REQUIRE(quant::checksum_of_pieces(hasher.take_pieces()) == expected);
            REQUIRE(hasher.take_pieces().empty());
        }
    }
}

TEST_CASE("checksums are 32 lower-case hexadecimal digits") {
    const std::string empty = "99aa06d3014798d86001c324468d497f";
    REQUIRE(checksum_text(quant::checksum_of({})) == empty);
    REQUIRE(checksum_text(quant::checksum_of_pieces({})) == empty);
    REQUIRE(parse_checksum(empty) == quant::checksum_of({}));
    for (const std::string_view wrong :
         {"", "99", "99AA06D3014798D86001C324468D497F", "99aa06d3014798d86001c324468d497g",
          "99aa06d3014798d86001c324468d497f0", " 9aa06d3014798d86001c324468d497f"}) {
        INFO(wrong);
        REQUIRE_FALSE(parse_checksum(wrong).has_value());
    }
}

}  // namespace
}  // namespace octet::test
