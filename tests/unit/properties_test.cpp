// Properties that hold for any tensor: random shapes, dtypes and values (subnormal, signed zeros,
// extremes, constants) through the whole of quantize, verify and dequantize, and through the codec
// alone.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "formats/safetensors/header.hpp"
#include "octet/octet.hpp"
#include "plain_tensor.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

constexpr std::uint32_t kSpecials[] = {0x00000000U, 0x80000000U, 0x00000001U, 0x80000001U,
                                       0x007FFFFFU, 0x00800000U, 0x7EFFFFFFU, 0xFEFFFFFFU,
                                       0x3F800000U, 0xBF800000U};

/// Finite floats of one kind: a constant, special values, random bits, or a bell.
std::vector<float> draw_values(std::size_t count, std::mt19937_64& random) {
    std::normal_distribution<float> normal(0.0F,
                                           std::ldexp(1.0F, static_cast<int>(random() % 60) - 30));
    const std::uint64_t kind = random() % 4;
    const float constant = normal(random);
    std::vector<float> values(count);
    for (float& value : values) {
        const auto bits = static_cast<std::uint32_t>(random());
        value = kind == 0   ? constant
                : kind == 1 ? float_of(kSpecials[random() % std::size(kSpecials)])
                : kind == 2 ? float_of((bits & 0x807FFFFFU) | ((bits >> 23U) % 250U) << 23U)
                            : normal(random);
    }
    return values;
}

std::vector<std::byte> as_dtype(Dtype dtype, const std::vector<float>& values) {
    std::vector<std::byte> bytes(values.size() * dtype_bits(dtype) / 8);
    kernels::Narrowing narrowing{};
    quant::convert_values(Dtype::kF32, std::as_bytes(std::span(values)), dtype, bytes, narrowing);
    return bytes;
}

TEST_CASE("permuting the elements of a tensor permutes its codes") {
    std::mt19937_64 random(61);
    int compared = 0;
    for (int round = 0; round < 400; ++round) {
        const std::vector<float> values = draw_values(1 + random() % 300, random);
        std::vector<std::size_t> order(values.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::shuffle(order.begin(), order.end(), random);
        std::vector<float> shuffled;
        for (const std::size_t i : order) shuffled.push_back(values[i]);
        for (const Dtype dtype : {Dtype::kF32, Dtype::kF16, Dtype::kBF16, Dtype::kF64}) {
            const Rounding rounding = random() % 2 == 0 ? Rounding::kNearest : Rounding::kTruncate;
            const PlainTensor before = plain_tensor(dtype, as_dtype(dtype, values), rounding);
            const PlainTensor after = plain_tensor(dtype, as_dtype(dtype, shuffled), rounding);
            REQUIRE(before.codes.size() == after.codes.size());
            if (before.codes.empty()) continue;
            REQUIRE(bits_of(before.state.scale) == bits_of(after.state.scale));
            REQUIRE(bits_of(before.state.zero_point) == bits_of(after.state.zero_point));
            for (std::size_t i = 0; i < order.size(); ++i)
                REQUIRE(after.codes[i] == before.codes[order[i]]);
            ++compared;
        }
    }
    REQUIRE(compared > 800);
}

Shape draw_shape(std::mt19937_64& random) {
    Shape shape(random() % 5);
    for (std::uint64_t& dimension : shape)
        dimension = random() % 8 == 0 ? random() % 40 : 1 + random() % 5;
    return shape;
}

/// A checkpoint of a few random tensors.
void write_random_checkpoint(const std::filesystem::path& path, std::mt19937_64& random) {
    safetensors::HeaderWriter writer(safetensors::Metadata{{"format", "pt"}});
    std::string data;
    const std::uint64_t count = 1 + random() % 6;
    for (std::uint64_t i = 0; i < count; ++i) {
        const Dtype dtype =
            std::array{Dtype::kF32, Dtype::kF16, Dtype::kBF16, Dtype::kF64}[random() % 4];
        const Shape shape = draw_shape(random);
        const std::vector<std::byte> bytes =
            as_dtype(dtype, draw_values(*element_count(shape), random));
        writer.add("t" + std::to_string(i), dtype, shape, data.size(), data.size() + bytes.size());
        data.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    write_file(path, writer.finish("m") + data);
}

TEST_CASE("random checkpoints keep their promise and go back with the same tensors", "[pipeline]") {
    std::mt19937_64 random(62);
    const TemporaryFolder folder;
    for (int round = 0; round < 60; ++round) {
        write_random_checkpoint(folder / "m.safetensors", random);
        QuantizeOptions options;
        options.scheme.rounding = random() % 2 == 0 ? Rounding::kNearest : Rounding::kTruncate;
        options.on_non_finite = OnNonFinite::kKeep;
        options.write.sync = false;
        options.write.force = true;
        quantize(folder / "m.safetensors", folder / "set", options);
        VerifyOptions verifying;
        verifying.source = folder / "m.safetensors";
        for (const Finding& finding : verify(folder / "set", verifying).findings)
            FAIL("round " << round << ": " << finding.tensor << ": " << finding.what);
        DequantizeOptions back;
        back.write.sync = false;
        back.write.force = true;
        dequantize(folder / "set", folder / "back.safetensors", back);
        const CompareReport compared =
            compare(folder / "m.safetensors", folder / "back.safetensors", {});
        REQUIRE(compared.missing.empty());
        REQUIRE(compared.extra.empty());
        REQUIRE(compared.changed.empty());
    }
}

}  // namespace
}  // namespace octet::test
