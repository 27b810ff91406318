// GPT-2 (A. Radford et al., 2019), as its published checkpoints have it: learned positions, norms
// before each half of a block, weights stored by inputs (Conv1D), names with or without
// "transformer.".
#include <cmath>

#include <fmt/format.h>

#include "model/model.hpp"

namespace octet::model {
namespace {

struct Norm {
    std::vector<float> weight;
    std::vector<float> bias;
};

struct Product {
    const WeightMatrix* weight = nullptr;
    std::vector<float> bias;
};

struct Block {
    Norm before_attention;
    Product query_key_value;
    Product attention_out;
    Norm before_forward;
    Product forward_in;
    Product forward_out;
};

class Gpt2 : public Model {
  public:
    Gpt2(const Weights& weights, const Config& config, ComputeContext& compute)
        : Model(config, compute) {
        const std::string prefix = weights.has("transformer.wte.weight") ? "transformer." : "";
        const std::uint64_t width = config.width;
        const auto norm = [&](const std::string& name) {
            return Norm{weights.vector(name + ".weight", width),
                        weights.vector(name + ".bias", width)};
        };
        const auto product = [&](const std::string& name, std::uint64_t inputs,
                                 std::uint64_t outputs) {
            return Product{&weights.matrix(name + ".weight", inputs, outputs),
                           weights.vector(name + ".bias", outputs)};
        };
        embedding_ = &weights.matrix(prefix + "wte.weight", config.vocabulary, width);
        positions_ = &weights.matrix(prefix + "wpe.weight", config.positions, width);
        for (std::uint64_t layer = 0; layer < config.layers; ++layer) {
            const std::string name = fmt::format("{}h.{}.", prefix, layer);
            blocks_.push_back({norm(name + "ln_1"), product(name + "attn.c_attn", width, 3 * width),
                               product(name + "attn.c_proj", width, width), norm(name + "ln_2"),
                               product(name + "mlp.c_fc", width, config.inner),
                               product(name + "mlp.c_proj", config.inner, width)});
        }
        check_last_layer(weights, fmt::format("{}h.{}.ln_1.weight", prefix, config.layers),
                         config.layers);
        last_norm_ = norm(prefix + "ln_f");
        head_ = config.tied_head ? embedding_
                                 : &weights.matrix("lm_head.weight", config.vocabulary, width);
    }

    Sequence begin(std::span<const std::uint32_t>, std::size_t capacity) override {
        Sequence sequence;
        sequence.capacity = capacity;
        for (std::size_t layer = 0; layer < blocks_.size(); ++layer)
            sequence.self.emplace_back(config_.width, capacity);
        return sequence;
    }

    void advance(Sequence& sequence, std::span<const std::uint32_t> ids, Matrix& hidden) override {
        make_room(sequence, ids.size());
        Matrix x;
        embed(*embedding_, ids, x);
        std::vector<std::uint32_t> places(ids.size());
        for (std::size_t t = 0; t < ids.size(); ++t)
            places[t] = static_cast<std::uint32_t>(sequence.length + t);
        embed(*positions_, places, normed_);
        add(x, normed_);
        for (std::size_t layer = 0; layer < blocks_.size(); ++layer) {
            const bool is_last = layer + 1 == blocks_.size();
            run(blocks_[layer], sequence.self[layer], x,
                is_last ? nullptr : &blocks_[layer + 1].query_key_value);
        }
        layer_norm(x, last_norm_.weight, last_norm_.bias, config_.epsilon, hidden);
        sequence.length += ids.size();
    }

  private:
    void multiply(const Matrix& x, const Product& product, Matrix& out, const Product* next) {
        compute_.multiply(x, *product.weight, Layout::kInOut, product.bias, out,
                          next != nullptr ? next->weight : nullptr);
    }

    void run(const Block& block, KeyValueCache& cache, Matrix& x, const Product* next) {
        layer_norm(x, block.before_attention.weight, block.before_attention.bias, config_.epsilon,
                   normed_);
        multiply(normed_, block.query_key_value, wide_, &block.attention_out);
        cache.append(wide_, config_.width, wide_, 2 * config_.width);
        Attention attention;
        attention.heads = config_.heads;
        attention.scale = 1.0F / std::sqrt(static_cast<float>(config_.head_width));
        attention.causal = true;
        attend(compute_, wide_, cache, attention, attended_);
        multiply(attended_, block.attention_out, normed_, &block.forward_in);
        add(x, normed_);
        layer_norm(x, block.before_forward.weight, block.before_forward.bias, config_.epsilon,
                   normed_);
        multiply(normed_, block.forward_in, inner_, &block.forward_out);
        compute_.apply_gelu(inner_);
        multiply(inner_, block.forward_out, normed_, next);
        add(x, normed_);
    }

    const WeightMatrix* embedding_ = nullptr;
    const WeightMatrix* positions_ = nullptr;
    std::vector<Block> blocks_;
    Norm last_norm_;
    Matrix normed_;
    Matrix wide_;
    Matrix attended_;
    Matrix inner_;
};

}  // namespace

std::unique_ptr<Model> open_gpt2(const Weights& weights, const Config& config,
                                 ComputeContext& compute) {
    return std::make_unique<Gpt2>(weights, config, compute);
}

}  // namespace octet::model
