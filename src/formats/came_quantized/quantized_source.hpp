// A checkpoint whose weights came quantized by another method, as a source of floats: one tensor a
// weight, decoded as it is read; everything else as it lies there. The state of the weights is no
// tensor of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "formats/came_quantized/decoder.hpp"
#include "formats/float_source.hpp"

namespace octet::came_quantized {

class QuantizedSource final : public formats::FloatSource {
  public:
    /// What stands in headers about the file of a shard.
    struct Shard {
        std::string base_name;
        safetensors::Metadata metadata;
    };

    /// The source over that checkpoint, or nothing where no weight of it came quantized by a method
    /// that is read; then the checkpoint is as it was. Weights whose state is missing or does not
    /// fit: kBadInput by name.
    static std::unique_ptr<QuantizedSource> try_open(checkpoint::Checkpoint& checkpoint,
                                                     io::Links links);

    /// What config.json declares, else what the names tell: "fp8".
    std::string_view format() const noexcept override { return method_; }

    const std::vector<Shard>& shards() const noexcept { return shards_; }
    const std::optional<checkpoint::Index>& index() const noexcept { return index_; }
    const std::vector<std::string>& notes() const noexcept { return notes_; }

    /// Of a tensor: its shard and its place in that one's header, which the codes of a weight give
    /// to it.
    std::uint32_t shard_of(std::size_t tensor) const { return positions_[tensor].shard; }
    std::uint32_t header_position(std::size_t tensor) const {
        return positions_[tensor].header_position;
    }

    /// Sums over the tensors, without any error.
    Totals totals() const;

    bool is_quantized(std::size_t tensor) const override { return weight_of_[tensor] != kPlain; }
    bool is_plain(std::size_t tensor) const override { return weight_of_[tensor] == kPlain; }
    std::uint64_t good_run(std::size_t tensor) const override;

    /// MLX leaves out GPT-2's causal masks.
    bool has_no_place_for(std::string_view name) const override {
        return is_gpt2_of_mlx_ &&
               (name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias"));
    }

  private:
    static constexpr std::uint32_t kPlain = ~0U;

    struct Claimed {
        Weight weight;
        const Method* method = nullptr;
    };
    struct Position {
        std::uint32_t shard = 0;
        std::uint32_t header_position = 0;
    };
    struct Parts;  // what the constructor takes

    explicit QuantizedSource(Parts&& parts);
    static Contents contents_of(Parts& parts);
    static bool claim_all(Parts& parts, const Declared& declared);
    static void lay_out(Parts& parts, Contents& contents);

    std::unique_ptr<Decoder> decoder_of(std::size_t tensor) const;
    void read_as(Dtype target, std::size_t tensor, std::uint64_t first, std::uint64_t count,
                 std::span<std::byte> values, std::span<std::byte> scratch) const override;

    Stored stored_;
    std::vector<Claimed> weights_;
    std::vector<std::uint32_t>
        weight_of_;                    ///< parallel to tensors(): a place in weights_, or kPlain
    std::vector<Position> positions_;  ///< the same
    std::string method_;
    std::vector<Shard> shards_;
    std::optional<checkpoint::Index> index_;
    std::vector<std::string> notes_;
    bool is_gpt2_of_mlx_ = false;
};

}  // namespace octet::came_quantized
