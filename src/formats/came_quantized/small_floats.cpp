// A table for each dtype, made once from the parts of every code.
#include "formats/came_quantized/small_floats.hpp"

#include <cmath>
#include <limits>

namespace octet::came_quantized {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// Bits of mantissa, the exponent's bias, and which codes are no finite numbers.
struct Kind {
    unsigned mantissa_bits;
    int bias;
    bool is_fnuz;
    bool has_infinity;
};

float value_of(const Kind& kind, unsigned code) {
    const unsigned magnitude = code & 0x7fU;
    const unsigned mantissa_of_one = 1U << kind.mantissa_bits;
    const unsigned exponent = magnitude >> kind.mantissa_bits;
    const unsigned mantissa = magnitude & (mantissa_of_one - 1);
    const bool is_negative = code >= 0x80U;
    if (kind.is_fnuz && code == 0x80U) return kNan;
    if (kind.has_infinity && exponent == 31)
        return mantissa != 0 ? kNan : is_negative ? -HUGE_VALF : HUGE_VALF;
    if (!kind.is_fnuz && !kind.has_infinity && magnitude == 0x7fU) return kNan;
    const int shift = static_cast<int>(exponent == 0 ? 1 : exponent) - kind.bias -
                      static_cast<int>(kind.mantissa_bits);
    const float value =
        std::ldexp(static_cast<float>(mantissa + (exponent == 0 ? 0 : mantissa_of_one)), shift);
    return is_negative ? -value : value;
}

F8Table table_of(const Kind& kind) {
    F8Table table;
    for (unsigned code = 0; code < table.size(); ++code) table[code] = value_of(kind, code);
    return table;
}

}  // namespace

bool is_f8(Dtype dtype) noexcept {
    return dtype == Dtype::kF8E4M3 || dtype == Dtype::kF8E5M2 || dtype == Dtype::kF8E4M3Fnuz ||
           dtype == Dtype::kF8E5M2Fnuz;
}

const F8Table& f8_table(Dtype dtype) noexcept {
    static const F8Table e4m3 = table_of({3, 7, false, false});
    static const F8Table e5m2 = table_of({2, 15, false, true});
    static const F8Table e4m3_fnuz = table_of({3, 8, true, false});
    static const F8Table e5m2_fnuz = table_of({2, 16, true, false});
    switch (dtype) {
        case Dtype::kF8E5M2:
            return e5m2;
        case Dtype::kF8E4M3Fnuz:
            return e4m3_fnuz;
        case Dtype::kF8E5M2Fnuz:
            return e5m2_fnuz;
        default:
            return e4m3;
    }
}

float e8m0_value(std::uint8_t code) noexcept {
    return code == 255 ? kNan : std::ldexp(1.0F, static_cast<int>(code) - 127);
}

}  // namespace octet::came_quantized
