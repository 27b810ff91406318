// The table of ggml's types, and their decoders against ggml itself: testdata/ggml_vectors.json.
#include <limits>

#include <nlohmann/json.hpp>

#include "ggml_support.hpp"

namespace octet::test {
namespace {

using nlohmann::json;

TEST_CASE("every type of ggml is found by number and by name, in small letters and large") {
    for (const ggml::TypeTraits& traits : ggml::all_types()) {
        INFO(traits.name);
        REQUIRE(ggml::find_type(static_cast<std::uint32_t>(traits.type)) == &traits);
        REQUIRE(ggml::find_type(traits.name) == &traits);
        std::string large(traits.name);
        for (char& letter : large)
            letter = letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 32) : letter;
        REQUIRE(ggml::find_type(large) == &traits);
    }
    REQUIRE(ggml::find_type("q4_k")->type == ggml::Type::kQ4_K);
    REQUIRE(ggml::find_type("q4_") == nullptr);
    REQUIRE(ggml::find_type("") == nullptr);
    for (const std::uint32_t number : {4U, 5U, 9U, 31U, 32U, 33U, 36U, 38U, 43U, 0xFFFFFFFFU}) {
        REQUIRE(ggml::find_type(number) == nullptr);
    }
}

TEST_CASE("bytes of rows of ggml's blocks, and rows that are none") {
    REQUIRE(ggml::row_bytes(ggml::Type::kQ8_0, 768) == 768 / 32 * 34);
    REQUIRE(ggml::row_bytes(ggml::Type::kQ6_K, 768) == 3 * 210);
    REQUIRE(ggml::row_bytes(ggml::Type::kF16, 0) == 0);
    REQUIRE(ggml::fits_row(ggml::Type::kQ4_K, 512));
    REQUIRE_FALSE(ggml::fits_row(ggml::Type::kQ4_K, 128));
    REQUIRE(error_of([] { ggml::row_bytes(ggml::Type::kQ4_K, 128); }) ==
            "5 q4_k: no row has 128 elements");
    const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    REQUIRE(error_of([&] { ggml::row_bytes(ggml::Type::kF32, most); }).find("5 f32: no row") == 0);
}

TEST_CASE("blocks of every type are worth what ggml says, to the bit") {
    const json all = json::parse(read_file(std::string(OCTET_TESTDATA_DIR) + "/ggml_vectors.json"));
    std::size_t seen = 0;
    for (const ggml::TypeTraits& traits : ggml::all_types()) {
        if (traits.block_elements == 1) continue;
        INFO(traits.name);
        REQUIRE(all["decoded"].contains(traits.name));
        const json& entry = all["decoded"][std::string(traits.name)];
        const Bytes blocks = bytes_of(entry["blocks"].get<std::string>());
        const Bytes expected = bytes_of(entry["values"].get<std::string>());
        REQUIRE(blocks.size() == 2 * traits.block_bytes);
        REQUIRE(expected.size() == 2 * traits.block_elements * sizeof(float));
        std::vector<float> values(2 * traits.block_elements);
        // One byte off, so that nothing is aligned.
        Bytes moved(blocks.size() + 1);
        std::copy(blocks.begin(), blocks.end(), moved.begin() + 1);
        ggml::decode(traits.type, moved.data() + 1, values.size(), values.data());
        REQUIRE(std::memcmp(values.data(), expected.data(), expected.size()) == 0);
        ++seen;
    }
    REQUIRE(seen == all["decoded"].size());
}

TEST_CASE("elements of plain types of ggml become the nearest floats") {
    const auto decoded = [](ggml::Type type, auto number) {
        std::byte bytes[sizeof(number)];
        std::memcpy(bytes, &number, sizeof(number));
        float value = 0;
        ggml::decode(type, bytes, 1, &value);
        return value;
    };
    REQUIRE(decoded(ggml::Type::kI8, static_cast<std::int8_t>(-128)) == -128.0F);
    REQUIRE(decoded(ggml::Type::kI16, static_cast<std::int16_t>(-300)) == -300.0F);
    REQUIRE(decoded(ggml::Type::kI32, std::int32_t{16777217}) == 16777216.0F);
    REQUIRE(decoded(ggml::Type::kI64, std::int64_t{1} << 62) == 0x1p62F);
    REQUIRE(decoded(ggml::Type::kF64, 0.1) == 0.1F);
    REQUIRE(decoded(ggml::Type::kF32, 0.1F) == 0.1F);
    REQUIRE(decoded(ggml::Type::kF16, std::uint16_t{0x3C01}) == 1.0009765625F);
    REQUIRE(decoded(ggml::Type::kBF16, std::uint16_t{0xBF80}) == -1.0F);
}

TEST_CASE("what is no whole number of blocks is not decoded") {
    float values[64];
    std::byte bytes[64] = {};
    REQUIRE(error_of([&] { ggml::decode(ggml::Type::kQ8_0, bytes, 33, values); }) ==
            "5 q8_0: 33 elements are no whole blocks");
}

}  // namespace
}  // namespace octet::test
