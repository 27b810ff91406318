// Which type each tensor of a file has: one type for all, or a mixture that spends more bits where
// they matter, tensor for tensor as llama-quantize chooses (llama.cpp: src/llama-quant.cpp,
// llama_tensor_get_type, of 2026-10).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "octet/dtype.hpp"
#include "quant/ggml/types.hpp"

namespace octet::gguf {

/// What --type may say.
struct Mixture {
    std::string_view name;        ///< "q4_k_m"
    ggml::Type type;              ///< of most tensors
    std::uint32_t file_type = 0;  ///< `general.file_type`
    std::string_view help;
};

std::span<const Mixture> mixtures();

/// By its name, in any case; "q4_k" is "q4_k_m", and so on. Null where there is none.
const Mixture* find_mixture(std::string_view name);

/// What the choice looks at of the model.
struct ModelShape {
    std::string_view architecture;
    std::uint32_t layers = 0;
    std::uint32_t heads = 0;
    std::uint32_t key_heads = 0;  ///< groups of heads share one
    bool has_importance = false;
};

/// What it looks at of a tensor.
struct TypedTensor {
    std::string_view name;  ///< in the file
    const Shape& shape;     ///< as stored
    bool may_be_quantized = true;
};

/// False of what is F32 in every file: vectors, norms, positions, biases.
bool may_be_quantized(std::string_view name, const Shape& shape);

/// One type a tensor, before any fallback; F32 of those that may not be quantized.
std::vector<ggml::Type> types_of(const Mixture& mixture, const ModelShape& model,
                                 const std::vector<TypedTensor>& tensors);

/// The type for rows of so many values that is nearest to `type`: itself, where they are a whole
/// number of its blocks.
ggml::Type fallback_of(ggml::Type type, std::uint64_t row);

}  // namespace octet::gguf
