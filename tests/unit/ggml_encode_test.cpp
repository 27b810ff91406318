// Encoding into ggml's blocks: the plain bytes against llama-quantize's, the same bytes on every
// instruction set, a search that is never worse, and what cannot be stored.
#include <algorithm>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "ggml_support.hpp"

namespace octet::test {
namespace {

using ggml::Search;
using ggml::Type;
using nlohmann::json;

/// The types that consist of blocks of codes.
std::vector<Type> block_types() {
    std::vector<Type> types;
    for (const ggml::TypeTraits& traits : ggml::all_types()) {
        if (traits.writable && traits.block_elements > 1) types.push_back(traits.type);
    }
    return types;
}

/// Kinds of values at which arithmetic is easily taken wrongly, a row each.
Matrix awkward_matrix(std::uint64_t columns, std::mt19937& random) {
    Matrix matrix = {0, columns, {}, {}};
    std::normal_distribution<float> normal;
    const auto add = [&](auto value_at) {
        for (std::uint64_t i = 0; i < columns; ++i) matrix.values.push_back(value_at(i));
        ++matrix.rows;
    };
    for (const float factor : {1.0F, 1e-3F, 1e-6F, 1e-8F, 1e-20F, 1e-40F, 300.0F, 1e5F}) {
        add([&](std::uint64_t) { return normal(random) * factor; });
    }
    for (const float value : {0.0F, -0.0F, 1.0F, -3.0F, 6e-8F})
        add([&](std::uint64_t) { return value; });
    add([&](std::uint64_t i) { return i % 32 == 7 ? 100.0F : normal(random) * 0.01F; });
    add([&](std::uint64_t i) { return i < columns / 2 ? 0.0F : normal(random); });
    add([&](std::uint64_t) { return std::fabs(normal(random)) + 5.0F; });
    add([&](std::uint64_t) { return -std::fabs(normal(random)) - 5.0F; });
    add([&](std::uint64_t i) { return static_cast<float>(i % 32) * 0.5F; });
    return matrix;
}

std::vector<float> random_weights(std::uint64_t columns, std::mt19937& random) {
    std::vector<float> weights;
    for (std::uint64_t i = 0; i < columns; ++i)
        weights.push_back(static_cast<float>(random() % 1000) * 0.01F);
    return weights;
}

TEST_CASE(
    "without a search the bytes of Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0 are llama-quantize's own") {
    const json all = json::parse(read_file(std::string(OCTET_TESTDATA_DIR) + "/ggml_vectors.json"));
    const Bytes raw = bytes_of(all["encoded"]["values"].get<std::string>());
    Matrix matrix = {raw.size() / 128, 32, std::vector<float>(raw.size() / 4), {}};
    std::memcpy(matrix.values.data(), raw.data(), raw.size());
    REQUIRE(matrix.rows == 19);
    for (const auto& [name, hex] : all["encoded"]["types"].items()) {
        const ggml::TypeTraits& traits = *ggml::find_type(name);
        const Bytes expected = bytes_of(hex.get<std::string>());
        for (const kernels::ggml::Loops* loops : available_loops()) {
            const Bytes bytes = encoded(matrix, traits.type, Search::kMinMax, *loops);
            REQUIRE(bytes.size() == expected.size());
            for (std::uint64_t row = 0; row < matrix.rows; ++row) {
                INFO(name << " row " << row << " on " << loops->name);
                const std::size_t at = row * traits.block_bytes;
                REQUIRE(std::memcmp(bytes.data() + at, expected.data() + at, traits.block_bytes) ==
                        0);
            }
        }
    }
}

TEST_CASE("blocks are the same on every instruction set") {
    std::mt19937 random(41);
    for (const bool weighted : {false, true}) {
        std::vector<Matrix> matrices = {awkward_matrix(512, random),
                                        random_matrix(33, 256, random)};
        for (Matrix& matrix : matrices) {
            if (weighted) matrix.weights = random_weights(matrix.columns, random);
            for (const Type type : block_types()) {
                for (const Search search : {Search::kMinMax, Search::kBest}) {
                    const Bytes expected =
                        encoded(matrix, type, search, *available_loops().front());
                    for (const kernels::ggml::Loops* loops : available_loops()) {
                        INFO(ggml::traits_of(type).name << " on " << loops->name
                                                        << (weighted ? ", weighted" : ""));
                        REQUIRE(encoded(matrix, type, search, *loops) == expected);
                    }
                }
            }
        }
    }
}

/// FNV-1a.
std::uint64_t hash_of(const Bytes& bytes) {
    std::uint64_t hash = 1469598103934665603U;
    for (const std::byte byte : bytes)
        hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 1099511628211U;
    return hash;
}

/// Values that every standard library makes alike.
Matrix portable_matrix() {
    std::mt19937 random(46);
    Matrix matrix = {32, 512, {}, {}};
    const auto next = [&] {
        return static_cast<float>(static_cast<int>(random() & 0xFFFFU) - 0x8000);
    };
    for (std::uint64_t i = 0; i < 32 * 512; ++i) {
        const float sum = next() + next();
        matrix.values.push_back(std::ldexp(sum, -16 - static_cast<int>(random() & 3U)));
    }
    for (std::uint64_t i = 0; i < 512; ++i)
        matrix.weights.push_back(static_cast<float>(random() & 1023U) * 0x1p-6F);
    return matrix;
}

// Not sacred: a better search changes them. A compiler or a processor must not.
TEST_CASE("searched blocks are the same with every compiler") {
    const std::vector<std::pair<const char*, std::uint64_t>> hashes = {
        {"q4_0", 0xD7954EFD3035EA0BU},  {"q4_1", 0xF2115D50FD248043U},
        {"q5_0", 0xD69A5C8BA4DC763EU},  {"q5_1", 0x7896556B359D693CU},
        {"q8_0", 0x4CDC146F29778699U},  {"q2_k", 0x85AEE6A139701E57U},
        {"q3_k", 0x50CBC5CFBF905FFAU},  {"q4_k", 0xEC90A1055B0F10ABU},
        {"q5_k", 0x1FC3C2E0B868B8D0U},  {"q6_k", 0x226F7CB1BD08A362U},
        {"iq4_nl", 0xF7AF9BD73E168F78U}};
    const Matrix matrix = portable_matrix();
    REQUIRE(hashes.size() == block_types().size());
    for (const auto& [name, hash] : hashes) {
        INFO(name);
        CHECK(hash_of(encoded(matrix, ggml::find_type(std::string_view(name))->type,
                              Search::kBest)) == hash);
    }
}

TEST_CASE("a row has the same blocks whatever rows come with it") {
    std::mt19937 random(42);
    const Matrix matrix = random_matrix(37, 512, random);
    for (const Type type : block_types()) {
        INFO(ggml::traits_of(type).name);
        const Bytes whole = encoded(matrix, type, Search::kBest);
        const std::uint64_t step = ggml::row_bytes(type, matrix.columns);
        for (const std::uint64_t row : {0U, 15U, 16U, 36U}) {
            const auto first =
                matrix.values.begin() + static_cast<std::ptrdiff_t>(row * matrix.columns);
            const Matrix one = {1, matrix.columns, std::vector<float>(first, first + 512), {}};
            const Bytes alone = encoded(one, type, Search::kBest);
            REQUIRE(std::memcmp(alone.data(), whole.data() + row * step, step) == 0);
        }
    }
}

TEST_CASE("a search has never more error than the plain way, weighted or not") {
    std::mt19937 random(43);
    for (const bool weighted : {false, true}) {
        Matrix matrix = awkward_matrix(256, random);
        const Matrix more = random_matrix(64, 256, random);
        matrix.values.insert(matrix.values.end(), more.values.begin(), more.values.end());
        matrix.rows += more.rows;
        const std::vector<float> weights = random_weights(256, random);
        for (const Type type : block_types()) {
            for (std::uint64_t row = 0; row < matrix.rows; ++row) {
                const auto first = matrix.values.begin() + static_cast<std::ptrdiff_t>(row * 256);
                const Matrix one = {1, 256, std::vector<float>(first, first + 256),
                                    weighted ? weights : std::vector<float>()};
                const double plain = noise_of(one, type, encoded(one, type, Search::kMinMax));
                const double best = noise_of(one, type, encoded(one, type, Search::kBest));
                INFO(ggml::traits_of(type).name << " row " << row
                                                << (weighted ? ", weighted" : ""));
                REQUIRE(best <= plain * 1.0001 + 1e-30);
            }
        }
    }
}

TEST_CASE("weights make the errors of weighty columns smaller") {
    std::mt19937 random(44);
    Matrix matrix = random_matrix(64, 512, random);
    for (const Type type : block_types()) {
        matrix.weights.clear();
        const Bytes even = encoded(matrix, type, Search::kBest);
        matrix.weights.assign(512, 0.01F);
        for (std::size_t i = 0; i < 512; i += 8) matrix.weights[i] = 10.0F;
        INFO(ggml::traits_of(type).name);
        REQUIRE(noise_of(matrix, type, encoded(matrix, type, Search::kBest)) <
                0.9 * noise_of(matrix, type, even));
    }
}

TEST_CASE("what cannot be stored in blocks is told") {
    std::mt19937 random(45);
    for (const ggml::TypeTraits& traits : ggml::all_types()) {
        if (!traits.writable) continue;
        Matrix matrix = random_matrix(17, 256, random);
        std::vector<std::byte> bytes(17 * ggml::row_bytes(traits.type, 256));
        for (const Search search : {Search::kMinMax, Search::kBest}) {
            INFO(traits.name << (search == Search::kBest ? " searched" : ""));
            const auto encode = [&](float value) {
                std::vector<float> values = matrix.values;
                values[16 * 256 + 255] = value;
                return ggml::encode(traits.type, values.data(), 17, 256, nullptr, search,
                                    bytes.data());
            };
            REQUIRE(encode(std::numeric_limits<float>::infinity()).not_finite);
            REQUIRE(encode(std::numeric_limits<float>::quiet_NaN()).not_finite);
            REQUIRE_FALSE(encode(60000.0F).overflow);
            REQUIRE_FALSE(encode(60000.0F).not_finite);
            if (traits.type != Type::kF32)
                REQUIRE(encode(std::numeric_limits<float>::max()).overflow);
            if (traits.type != Type::kF32 && traits.type != Type::kBF16)
                REQUIRE(encode(1e30F).overflow);
        }
    }
}

TEST_CASE("types that octet only reads are not encoded") {
    const float values[256] = {};
    std::byte bytes[256];
    REQUIRE(error_of([&] {
                ggml::encode(Type::kIQ2_S, values, 1, 256, nullptr, Search::kBest, bytes);
            }) == "5 iq2_s: octet does not write this type");
}

}  // namespace
}  // namespace octet::test
