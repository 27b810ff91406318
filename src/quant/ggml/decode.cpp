// Decodes by the table of types.
#include "quant/ggml/decode.hpp"

#include "octet/error.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

void decode(Type type, const std::byte* blocks, std::uint64_t elements, float* values) {
    const TypeRow& row = row_of(type);
    if (elements % row.traits.block_elements != 0) {
        throw Error(ErrorCode::kInternal, row.traits.name,
                    std::to_string(elements) + " elements are no whole blocks");
    }
    row.decode(blocks, elements / row.traits.block_elements, values);
}

}  // namespace octet::ggml
