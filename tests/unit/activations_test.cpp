// The activations that run models, on every instruction set against double precision.
#include <cmath>

#include "kernels/products.hpp"
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

}  // namespace

TEST_CASE("exponentials and GELU are within a few units in the last place of double precision",
          "[model]") {
    for (const kernels::Products* table : available_products()) {
        INFO(table->name);
        std::vector<float> values;
        for (int i = 0; i <= 3003; ++i) values.push_back(static_cast<float>(i) * -0.029F);
        std::vector<float> exponentials = values;
        const float sum = table->exponentials(exponentials.data(), exponentials.size(), 0.0F);
        double expected_sum = 0;
        for (std::size_t i = 0; i < values.size(); ++i) {
            const double expected = std::exp(static_cast<double>(values[i]));
            expected_sum += expected;
            CHECK_THAT(exponentials[i], Catch::Matchers::WithinAbs(expected, 3e-7 * expected));
        }
        CHECK_THAT(sum, Catch::Matchers::WithinRel(expected_sum, 1e-5));
        values.clear();
        for (int i = -3000; i <= 3000; ++i) values.push_back(static_cast<float>(i) * 0.0113F);
        std::vector<float> gelu = values;
        table->gelu(gelu.data(), gelu.size());
        for (std::size_t i = 0; i < values.size(); ++i) {
            const double x = static_cast<double>(values[i]);
            const double expected =
                x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
            CHECK_THAT(gelu[i], Catch::Matchers::WithinAbs(expected, 4e-7 * (1 + std::abs(x))));
        }
    }
}

}  // namespace octet::test
