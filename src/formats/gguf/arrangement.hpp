// Which tensors of a checkpoint a GGUF file has, under which names, in which layout: what follows
// from names, shapes and config.json alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "formats/gguf/architecture.hpp"
#include "formats/gguf/mixtures.hpp"

namespace octet::gguf {

/// T5's last norm, into which the factor of its head's input is folded, and the key that says which
/// it was: octet's own.
inline constexpr std::string_view kFoldedNorm = "dec.output_norm.weight";
inline constexpr std::string_view kFoldedFactorKey = "octet.folded_factor";

/// One tensor of the file.
struct FileTensor {
    std::size_t source = 0;  ///< number in the checkpoint
    std::string name;
    Shape shape;  ///< as stored, the slowest dimension first
    Change change = Change::kNone;
    std::uint64_t head_rows = 0;  ///< of a change of heads: rows of each
    float factor = 1;             ///< of every value, before `addend`
    float addend = 0;
    bool may_be_quantized = true;
    std::vector<float> values = {};  ///< of a tensor that no checkpoint has; else empty

    bool is_made() const noexcept { return !values.empty(); }
    std::uint64_t row() const { return shape.empty() ? 1 : shape.back(); }
};

/// A tensor of the checkpoint that the file has not, and why.
struct LeftOutTensor {
    std::size_t source = 0;
    std::string why;
};

struct Arrangement {
    const Architecture* architecture = nullptr;  ///< null: weights alone
    std::vector<FileTensor> tensors;             ///< in the order of the checkpoint
    std::vector<LeftOutTensor> left_out;
    std::uint64_t rows = 0;  ///< of the embedding
    bool has_head = false;
};

/// The tensors of a model. A name that the architecture does not have, one missing, a shape that
/// cannot be: kBadInput.
Arrangement arrange_model(const checkpoint::Checkpoint& checkpoint,
                          const Architecture& architecture, const ModelConfig& config);

/// Weights alone: names and layout as they are.
Arrangement arrange_weights(const checkpoint::Checkpoint& checkpoint);

}  // namespace octet::gguf
