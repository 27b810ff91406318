// bits_per_weight(): what a tensor takes as it is stored, with its state, divided by its elements.
// Nothing where a tensor is kept.
#include "base/json_text.hpp"
#include "octet/plan.hpp"
#include "quant/ggml/types.hpp"

namespace octet {

std::optional<double> bits_per_weight(const TensorReport& tensor) {
    const std::uint64_t elements = element_count(tensor.shape).value_or(0);
    const ggml::TypeTraits* const type =
        tensor.type.empty() ? nullptr : ggml::find_type(tensor.type.view());
    const bool has_blocks = type != nullptr && type->block_elements > 1;
    if ((!tensor.scheme && !has_blocks) || elements == 0) return std::nullopt;
    return six_digits(8.0 * static_cast<double>(tensor.output_bytes) /
                      static_cast<double>(elements));
}

}  // namespace octet
