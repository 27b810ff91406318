// Products with codes as they lie in a set: of every scheme, stored either way round, with few
// tokens and with many, against the same products with the restored weights.
#include <cmath>

#include <fmt/format.h>

#include "model/multiply.hpp"
#include "model/weights.hpp"
#include "octet/octet.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

constexpr std::uint64_t kRows =
    40;  // outputs of "linear", [40, inputs], and of "conv", [inputs, 40]

void write_checkpoint(const std::filesystem::path& path, std::uint64_t input_count) {
    const std::uint64_t elements = kRows * input_count;
    std::string json = fmt::format(
        R"({{"linear.weight":{{"dtype":"F32","shape":[40,{0}],"data_offsets":[0,{1}]}},)"
        R"("conv.weight":{{"dtype":"F32","shape":[{0},40],"data_offsets":[{1},{2}]}}}})",
        input_count, 4 * elements, 8 * elements);
    while (json.size() % 8 != 0) json += ' ';
    std::string file(8, '\0');
    const std::uint64_t size = json.size();
    std::memcpy(file.data(), &size, 8);
    file += json;
    std::mt19937 generator(11);
    std::normal_distribution<float> normal(0.01F, 0.1F);
    for (std::uint64_t i = 0; i < 2 * elements; ++i) {
        const float value = normal(generator);
        file.append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
    write_file(path, file);
}

model::Matrix inputs(std::size_t tokens, std::uint64_t input_count) {
    std::mt19937 generator(12);
    std::normal_distribution<float> normal;
    model::Matrix x(tokens, input_count);
    for (float& value : x.values) value = normal(generator);
    return x;
}

/// The largest difference of two products, as a share of the largest value: sums of 2,100 terms
/// round in another order.
double largest_share(const model::Matrix& found, const model::Matrix& expected) {
    double largest = 0;
    double size = 0;
    for (std::size_t i = 0; i < found.values.size(); ++i) {
        largest =
            std::max(largest, std::abs(static_cast<double>(found.values[i] - expected.values[i])));
        size = std::max(size, std::abs(static_cast<double>(expected.values[i])));
    }
    return largest / size;
}

/// Products with codes of that scheme, stored either way round, against those with what dequantize
/// restores of them.
void check_products(const std::string& name, std::uint64_t input_count) {
    CAPTURE(name, input_count);
    const TemporaryFolder folder;
    write_checkpoint(folder / "w.safetensors", input_count);
    QuantizeOptions options;
    options.write.sync = false;
    options.write.force = true;
    options.rules = {{"*", parse_scheme(name)}};
    quantize(folder / "w.safetensors", folder / "set", options);
    DequantizeOptions back;
    back.write.sync = false;
    back.write.force = true;
    dequantize(folder / "set", folder / "back.safetensors", back);
    const model::Weights codes = model::Weights::open(folder / "set");
    const model::Weights restored = model::Weights::open(folder / "back.safetensors");
    model::ComputeContext compute(2);
    for (const std::size_t tokens : {1U, 3U, 8U, 11U}) {
        const model::Matrix x = inputs(tokens, input_count);
        const auto share_of = [&](const char* tensor, std::uint64_t rows, std::uint64_t columns,
                                  model::Layout layout) {
            model::Matrix found;
            model::Matrix expected;
            compute.multiply(x, codes.matrix(tensor, rows, columns), layout, {}, found);
            compute.multiply(x, restored.matrix(tensor, rows, columns), layout, {}, expected);
            return largest_share(found, expected);
        };
        CHECK(share_of("linear.weight", kRows, input_count, model::Layout::kOutIn) < 1e-5);
        CHECK(share_of("conv.weight", input_count, kRows, model::Layout::kInOut) < 1e-5);
    }
}

}  // namespace

TEST_CASE("products with codes of every scheme are those with the restored weights", "[model]") {
    for (const char* name : {"u8",
                             "s8",
                             "u4",
                             "u8-channel",
                             "s8-channel-axis1",
                             "u3-channel-axis0",
                             "s8-group64-f16",
                             "u4-group32-f16",
                             "u5-group18-axis0-intzp-bf16",
                             "u6-group16-axis1",
                             "u2-group100",
                             "u8-group18-two",
                             "u6-group16-two",
                             "u4-group18-two",
                             "u4-group32-axis0-two",
                             "u4-group32-axis1-two",
                             "s4-group18-axis0-two",
                             "s8-group300-axis1-two",
                             "u3-group27-axis0-mse-two",
                             "u4-group1024-axis0-two"}) {
        check_products(name, 2100);
    }
    for (const char* name :
         {"u8-group18-two", "u4-group32-two", "s6-group21-two", "u5-group32-axis0-mse-two"})
        check_products(name, 770);  // one superblock
}

}  // namespace octet::test
