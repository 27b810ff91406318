// The loops that run models: every instruction set against sums in double, at every length and
// alignment that the tails know.
#include <cmath>

#include "kernels/products.hpp"
#include "quant/packing.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

std::vector<const kernels::Products*> available_products() {
    std::vector<const kernels::Products*> tables;
    for (const kernels::Isa isa : quant::available_isas()) {
        if (const kernels::Products* table = kernels::products_for(isa)) tables.push_back(table);
    }
    return tables;
}

std::vector<float> random_floats(std::size_t count, unsigned seed) {
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal;
    std::vector<float> values(count);
    for (float& value : values) value = normal(generator);
    return values;
}

struct Operands {
    std::vector<float> x = random_floats(700, 1);
    std::vector<float> weights = random_floats(90 * 70, 2);
    std::vector<unsigned char> unaligned;  ///< the weights, one byte off

    Operands() : unaligned(weights.size() * sizeof(float) + 1) {
        std::memcpy(unaligned.data() + 1, weights.data(), weights.size() * sizeof(float));
    }
};

/// Random codes, packed in memory that ends with them: what reads beyond is an error under the
/// sanitizers.
struct PackedCodes {
    PackedCodes(unsigned width, bool has_sign, std::size_t rows, std::size_t columns)
        : bits(width),
          is_signed(has_sign),
          pitch(quant::packed_bytes(columns, bits)),
          packed(rows * pitch) {
        std::mt19937 generator(7);
        std::vector<std::uint8_t> row(columns);
        for (std::size_t r = 0; r < rows; ++r) {
            for (std::uint8_t& code : row) {
                code = static_cast<std::uint8_t>(generator());
                const int number = code & ((1 << bits) - 1);
                values.push_back(is_signed && number >> (bits - 1) != 0 ? number - (1 << bits)
                                                                        : number);
            }
            quant::pack(row.data(), columns, bits, packed.data() + r * pitch);
        }
    }

    kernels::Codes codes() const { return {packed.data(), bits, is_signed}; }

    unsigned bits;
    bool is_signed;
    std::size_t pitch;
    std::vector<std::uint8_t> packed;
    std::vector<double> values;
};

template <typename Check>
void for_all_widths(std::size_t rows, std::size_t columns, Check check) {
    for (const unsigned bits : {2U, 3U, 4U, 5U, 6U, 8U}) {
        for (const bool is_signed : {false, true}) {
            INFO(bits << " bits, signed " << is_signed << ", " << rows << " x " << columns);
            check(PackedCodes(bits, is_signed, rows, columns));
        }
    }
}

}  // namespace

TEST_CASE("sums of products are those of double precision on every instruction set", "[model]") {
    const Operands o;
    for (const kernels::Products* table : available_products()) {
        INFO(table->name);
        for (const std::size_t count : {0U, 1U, 7U, 16U, 31U, 64U, 100U, 255U, 700U}) {
            double floats = 0;
            double size = 1;
            for (std::size_t i = 0; i < count; ++i) {
                floats += static_cast<double>(o.weights[i]) * static_cast<double>(o.x[i]);
                size += std::abs(static_cast<double>(o.weights[i]) * static_cast<double>(o.x[i]));
            }
            CHECK_THAT(table->dot_f32(o.unaligned.data() + 1, o.x.data(), count),
                       Catch::Matchers::WithinAbs(floats, 1e-6 * size));
        }
    }
}

TEST_CASE(
    "codes of every width times inputs and scales of groups are summed on every instruction set",
    "[model]") {
    const Operands o;
    for (const kernels::Products* table : available_products()) {
        INFO(table->name);
        for (const std::size_t count : {1U, 15U, 16U, 17U, 64U, 100U, 263U, 700U}) {
            for_all_widths(1, count, [&](const PackedCodes& packed) {
                for (const std::size_t group : {16U, 18U, 21U, 64U, 700U}) {
                    double sum = 0;
                    double size = 1;
                    for (std::size_t i = 0; i < count; ++i) {
                        const double part = packed.values[i] * static_cast<double>(o.x[i]) *
                                            static_cast<double>(o.weights[i / group]);
                        sum += part;
                        size += std::abs(part);
                    }
                    const std::vector<float> scales(o.weights.data(),
                                                    o.weights.data() + (count + group - 1) / group);
                    const float found =
                        table->dot_codes(packed.codes(), o.x.data(), count, scales.data(), group);
                    CHECK_THAT(found, Catch::Matchers::WithinAbs(sum, 1e-6 * size));
                }
            });
        }
    }
}

TEST_CASE("codes of every width become floats on every instruction set", "[model]") {
    const Operands o;
    for (const kernels::Products* table : available_products()) {
        INFO(table->name);
        for (const std::size_t count : {1U, 16U, 37U, 64U}) {
            for_all_widths(1, count, [&](const PackedCodes& packed) {
                std::vector<float> floats(count);
                table->widen_codes(packed.codes(), count, floats.data());
                std::vector<float> products(count, 1.0F);
                table->add_products(packed.codes(), o.x.data(), products.data(), count);
                for (std::size_t i = 0; i < count; ++i) {
                    CHECK(static_cast<double>(floats[i]) == packed.values[i]);
                    const double product = packed.values[i] * static_cast<double>(o.x[i]);
                    CHECK_THAT(products[i], Catch::Matchers::WithinAbs(
                                                1 + product, 2e-5 * (1 + std::abs(product))));
                }
            });
        }
    }
}

TEST_CASE("rows are added column by column on every instruction set", "[model]") {
    const Operands o;
    constexpr std::size_t kPitch = 70;
    for (const kernels::Products* table : available_products()) {
        INFO(table->name);
        for (const std::size_t rows : {1U, 8U, 19U}) {
            for (const std::size_t columns : {1U, 16U, 50U, 70U}) {
                std::vector<float> floats(columns, 1.0F);
                std::vector<float> parts = floats;
                constexpr std::size_t kRowBytes = kPitch * sizeof(float);
                table->add_rows_f32(o.unaligned.data() + 1, kRowBytes, o.x.data(), rows,
                                    floats.data(), columns);
                const std::size_t half = columns / 2;
                table->add_rows_f32(o.weights.data(), kRowBytes, o.x.data(), rows, parts.data(),
                                    half);
                table->add_rows_f32(o.weights.data() + half, kRowBytes, o.x.data(), rows,
                                    parts.data() + half, columns - half);
                REQUIRE(floats == parts);
                for (std::size_t c = 0; c < columns; ++c) {
                    double expected = 1;
                    for (std::size_t r = 0; r < rows; ++r)
                        expected += static_cast<double>(o.x[r]) *
                                    static_cast<double>(o.weights[r * kPitch + c]);
                    CHECK_THAT(floats[c], Catch::Matchers::WithinAbs(expected, 1e-4));
                }
                for_all_widths(rows, columns, [&](const PackedCodes& packed) {
                    std::vector<float> sums(columns, 1.0F);
                    table->add_rows_codes(packed.codes(), packed.pitch, o.x.data(), rows,
                                          sums.data(), columns);
                    for (std::size_t c = 0; c < columns; ++c) {
                        double expected = 1;
                        for (std::size_t r = 0; r < rows; ++r)
                            expected +=
                                static_cast<double>(o.x[r]) * packed.values[r * columns + c];
                        CHECK_THAT(sums[c], Catch::Matchers::WithinAbs(expected, 2e-3));
                    }
                });
            }
        }
    }
}

TEST_CASE("codes read once for several tokens give each the bits that it gets alone", "[model]") {
    constexpr std::size_t kPitch = 90;
    constexpr std::size_t kMostTokens = 9;
    const Operands o;
    for (const kernels::Products* table : available_products()) {
        INFO(table->name);
        for (const std::size_t columns : {1U, 16U, 37U, 83U}) {
            for_all_widths(19, columns, [&](const PackedCodes& packed) {
                for (std::size_t tokens = 1; tokens <= kMostTokens; ++tokens) {
                    constexpr std::size_t kXPitch = 21;
                    std::vector<float> sums(tokens * kPitch, 0.0F);
                    const kernels::Area area{packed.packed.data(), packed.pitch, packed.pitch, 19};
                    table->add_rows_of_tokens({packed.codes(), packed.pitch, 19, columns},
                                              {tokens, o.x.data(), kXPitch, sums.data(), kPitch},
                                              area);
                    for (std::size_t t = 0; t < tokens; ++t) {
                        std::vector<float> alone(kPitch, 0.0F);
                        table->add_rows_codes(packed.codes(), packed.pitch,
                                              o.x.data() + t * kXPitch, 19, alone.data(), columns);
                        const auto first = sums.begin() + static_cast<std::ptrdiff_t>(t * kPitch);
                        CHECK(std::equal(alone.begin(), alone.end(), first));
                    }
                }
            });
        }
    }
}

TEST_CASE("codes that are read once for several tokens are restored by the states of their groups",
          "[model]") {
    constexpr std::size_t kColumns = 83;
    constexpr std::size_t kTokens = 9;
    constexpr std::size_t kRows = 23;  // of which the last group has fewer
    constexpr std::size_t kStates = 90;
    const Operands o;
    const std::vector<float> scales = random_floats(kRows * kStates, 7);
    const std::vector<float> offsets = random_floats(kRows * kStates, 8);
    for (const kernels::Products* table : available_products()) {
        INFO(table->name);
        for_all_widths(kRows, kColumns, [&](const PackedCodes& packed) {
            for (const std::size_t group : {3U, 6U, 23U}) {
                CAPTURE(packed.bits, packed.is_signed, group);
                std::vector<float> sums(kTokens * kColumns, 0.5F);
                table->add_rows_of_tokens({packed.codes(), packed.pitch, kRows, kColumns,
                                           scales.data(), offsets.data(), group, kStates},
                                          {kTokens, o.x.data(), kRows, sums.data(), kColumns}, {});
                for (std::size_t i = 0; i < kTokens * kColumns; ++i) {
                    double expected = 0.5;
                    for (std::size_t r = 0; r < kRows; ++r) {
                        const std::size_t column = i % kColumns;
                        const std::size_t state = r / group * kStates + column;
                        expected += static_cast<double>(o.x[i / kColumns * kRows + r]) *
                                    (packed.values[r * kColumns + column] *
                                         static_cast<double>(scales[state]) +
                                     static_cast<double>(offsets[state]));
                    }
                    CHECK_THAT(sums[i], Catch::Matchers::WithinAbs(expected, 2e-3));
                }
            }
        });
    }
}

TEST_CASE("the small numbers of two levels become scales and offsets", "[model]") {
    const std::vector<float> super_scales = random_floats(53, 30);
    const std::vector<float> super_zero_points = random_floats(53, 31);
    for (const kernels::Products* table : available_products()) {
        INFO(table->name);
        for (const std::size_t count : {1U, 16U, 53U}) {
            for_all_widths(1, count, [&](const PackedCodes& packed) {
                for (const bool has_zero_points : {false, true}) {
                    const PackedCodes zero_points(packed.bits, true, 1, count);
                    const float* const supers =
                        has_zero_points ? super_zero_points.data() : nullptr;
                    std::vector<float> scales(count + 1, -1.0F);
                    std::vector<float> offsets(count + 1, -1.0F);
                    table->restore_small_states(
                        {packed.codes(), super_scales.data(), zero_points.codes(), supers, 8.0F},
                        count, scales.data(), offsets.data());
                    for (std::size_t c = 0; c < count; ++c) {
                        const double scale =
                            packed.values[c] * static_cast<double>(super_scales[c]);
                        const double zero_point =
                            has_zero_points
                                ? zero_points.values[c] * static_cast<double>(super_zero_points[c])
                                : 0;
                        CHECK_THAT(scales[c],
                                   Catch::Matchers::WithinAbs(scale, 1e-7 * std::abs(scale)));
                        CHECK_THAT(offsets[c],
                                   Catch::Matchers::WithinAbs(
                                       zero_point - 8 * scale,
                                       1e-6 * (std::abs(zero_point) + 8 * std::abs(scale))));
                    }
                    CHECK(scales[count] == -1.0F);
                    CHECK(offsets[count] == -1.0F);
                }
            });
        }
    }
}

TEST_CASE("outputs of two levels times inputs are summed on every instruction set", "[model]") {
    constexpr std::size_t kOutputs = 11;
    const Operands o;
    const std::vector<float> super_scales = random_floats(kOutputs, 40);
    const std::vector<float> super_zero_points = random_floats(kOutputs, 41);
    for (const std::size_t count : {1U, 18U, 100U, 263U, 600U}) {
        for (const std::size_t group : {16U, 18U, 21U, 64U}) {
            const std::size_t groups = (count + group - 1) / group;
            const std::size_t readable = (groups + 15) / 16 * 16;
            const PackedCodes scales(4, false, kOutputs, readable);
            const PackedCodes zero_points(4, true, kOutputs, readable);
            std::vector<float> sums(readable, 0.0F);
            std::vector<std::int32_t> is_next(count);
            std::vector<std::uint32_t> group_of_16;
            for (std::size_t i = 0; i < count; i += 16)
                group_of_16.push_back(static_cast<std::uint32_t>(i / group));
            for (std::size_t i = 0; i < count; ++i) sums[i / group] += o.x[i];
            for (std::size_t i = 0; i < count; ++i)
                is_next[i] = i / group == i / 16 * 16 / group ? 0 : 1;
            for_all_widths(kOutputs, count, [&](const PackedCodes& packed) {
                std::vector<double> expected(kOutputs, 0.25);
                double size = 1;
                for (std::size_t i = 0; i < kOutputs * count; ++i) {
                    const std::size_t row = i / count;
                    const std::size_t small = row * readable + i % count / group;
                    const double part =
                        (packed.values[i] - 8) * scales.values[small] *
                            static_cast<double>(super_scales[row]) +
                        zero_points.values[small] * static_cast<double>(super_zero_points[row]);
                    expected[row] += part * static_cast<double>(o.x[i % count]);
                    size += std::abs(part * static_cast<double>(o.x[i % count])) / kOutputs;
                }
                for (const kernels::Products* table : available_products()) {
                    for (const std::size_t read : {groups, readable}) {
                        CAPTURE(table->name, count, group, read);
                        std::vector<float> y(kOutputs + 1, 0.25F);
                        table->dots_of_two_levels(
                            {kOutputs, count, group, groups, read, packed.codes(), packed.pitch,
                             scales.codes(), scales.pitch, super_scales.data(), zero_points.codes(),
                             zero_points.pitch, super_zero_points.data(), 8.0F, group_of_16.data(),
                             is_next.data()},
                            o.x.data(), sums.data(), y.data());
                        for (std::size_t row = 0; row < kOutputs; ++row)
                            CHECK_THAT(y[row],
                                       Catch::Matchers::WithinAbs(expected[row], 4e-6 * size));
                        CHECK(y[kOutputs] == 0.25F);
                    }
                }
            });
        }
    }
}

TEST_CASE("two products are added on every instruction set", "[model]") {
    for (const kernels::Products* table : available_products()) {
        INFO(table->name);
        for (const std::size_t count : {1U, 15U, 16U, 50U}) {
            std::vector<std::vector<float>> from;
            for (unsigned i = 0; i < 5; ++i) from.push_back(random_floats(count + 1, 20 + i));
            std::vector<float> y = from[4];
            table->add_two_products(from[0].data(), from[1].data(), from[2].data(), from[3].data(),
                                    y.data(), count);
            const auto product = [&](std::size_t a, std::size_t i) {
                return static_cast<double>(from[a][i]) * static_cast<double>(from[a + 1][i]);
            };
            for (std::size_t i = 0; i < count; ++i) {
                const double expected =
                    static_cast<double>(from[4][i]) + product(0, i) + product(2, i);
                CHECK_THAT(y[i], Catch::Matchers::WithinAbs(expected, 1e-6));
            }
            CHECK(y[count] == from[4][count]);
        }
    }
}

TEST_CASE("panels multiply any number of tokens on every instruction set", "[model]") {
    constexpr std::size_t kDepth = 45;
    constexpr std::size_t kColumns = kernels::kPanelColumns;
    alignas(64) float panel[kDepth * kColumns];
    const std::vector<float> values = random_floats(kDepth * kColumns, 3);
    std::copy(values.begin(), values.end(), panel);
    const std::vector<float> x = random_floats(40 * 50, 4);
    for (const kernels::Products* table : available_products()) {
        INFO(table->name);
        for (const std::size_t tokens : {1U, 3U, 5U, 12U, 29U, 40U}) {
            std::vector<float> out(tokens * 33, -1.0F);
            table->multiply_panel(x.data(), 50, tokens, panel, kDepth, out.data(), 33);
            for (std::size_t t = 0; t < tokens; ++t) {
                for (std::size_t c = 0; c < kColumns; ++c) {
                    double expected = 0;
                    for (std::size_t k = 0; k < kDepth; ++k)
                        expected += static_cast<double>(x[t * 50 + k]) *
                                    static_cast<double>(panel[k * kColumns + c]);
                    CHECK_THAT(out[t * 33 + c], Catch::Matchers::WithinAbs(expected, 1e-4));
                }
                REQUIRE(out[t * 33 + 32] == -1.0F);
            }
        }
        std::vector<float> turned(kDepth * kColumns);
        table->transpose(panel, kDepth, kColumns, turned.data());
        CHECK(turned[3 * kDepth + 44] == panel[44 * kColumns + 3]);
        CHECK(turned[31 * kDepth] == panel[31]);
    }
}

}  // namespace octet::test
