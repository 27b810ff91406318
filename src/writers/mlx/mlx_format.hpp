// mlx-lm's tensors: a module M that is quantized is M.weight (codes, U32), M.scales and M.biases,
// whose value is scale * code + bias: octet's real zero point. The bytes are octet's own, as rows
// of codes fill whole words. GPT-2 has names with `model.` before them and its Conv1D weights
// turned to [out, in]; what mlx-lm makes itself (GPT-2's masks, tied heads) is left out.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "formats/format.hpp"

namespace octet::writers {

/// What mlx-lm's model does with names and layouts.
struct MlxModel {
    bool is_gpt2 = false;
    bool has_tied_head =
        false;  ///< the head is the embedding: one that the checkpoint has is not loaded
};

/// The module whose weight that is, as mlx-lm calls it; nothing of other tensors.
std::optional<std::string> mlx_module(const MlxModel& model, std::string_view tensor);

/// Why mlx-lm has no place for the tensor; empty where it has.
std::string_view mlx_left_out(const MlxModel& model, const TensorReport& tensor);

/// True of a weight that is stored [in, out] and that mlx-lm has [out, in].
bool mlx_turns(const MlxModel& model, const TensorReport& tensor);

class MlxFormat final : public formats::Format {
  public:
    explicit MlxFormat(const MlxModel& model) : model_(model) {}

    const MlxModel& model() const noexcept { return model_; }

    /// Of a weight that is not turned.
    std::unique_ptr<formats::TensorEncoder> encoder_of(const Scheme& scheme,
                                                       const Shape& shape) const override;
    std::vector<quant::StoredPart> parts_of(const TensorReport& tensor,
                                            const std::optional<Scheme>& scheme) const override;
    formats::NameOfPart part_names(const std::vector<TensorReport>& tensors) const override;
    std::vector<formats::DataFile> data_files(
        const checkpoint::Checkpoint& checkpoint) const override;

  private:
    MlxModel model_;
};

}  // namespace octet::writers
