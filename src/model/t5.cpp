// T5 (C. Raffel et al., 2020), T5 1.1 and FLAN-T5: an encoder and a decoder with relative
// positions, norms without mean and bias, no biases, weights stored by outputs.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "model/model.hpp"
#include "octet/error.hpp"

namespace octet::model {
namespace {

struct AttentionWeights {
    std::vector<float> norm;
    const WeightMatrix* query = nullptr;
    const WeightMatrix* key = nullptr;
    const WeightMatrix* value = nullptr;
    const WeightMatrix* out = nullptr;
};

struct ForwardWeights {
    std::vector<float> norm;
    const WeightMatrix* in = nullptr;    ///< wi, or wi_0
    const WeightMatrix* gate = nullptr;  ///< wi_1, or null
    const WeightMatrix* out = nullptr;
};

struct Block {
    AttentionWeights self;
    AttentionWeights cross;  ///< of the decoder
    ForwardWeights forward;
};

struct Stack {
    std::vector<Block> blocks;
    std::vector<float> last_norm;
    const WeightMatrix* bias = nullptr;  ///< [buckets][heads], shared by all blocks
};

/// The bucket of a key `distance` positions behind (negative: before) the query. Half of the
/// buckets of a direction are for single distances, the others grow logarithmically up to
/// `max_distance`; the arithmetic is float32, as the reference's.
std::uint64_t bucket_of(std::int64_t distance, bool both_directions, std::uint64_t buckets,
                        std::uint64_t max_distance) {
    std::uint64_t first = 0;
    if (both_directions) {
        buckets /= 2;
        if (distance > 0) first = buckets;
    } else {
        distance = std::min<std::int64_t>(distance, 0);
    }
    const auto away = static_cast<std::uint64_t>(std::abs(distance));
    const std::uint64_t exact = buckets / 2;
    if (away < exact) return first + away;
    const float ratio = std::log(static_cast<float>(away) / static_cast<float>(exact));
    const auto range = static_cast<float>(
        std::log(static_cast<double>(max_distance) / static_cast<double>(exact)));
    const auto step =
        static_cast<std::uint64_t>(ratio / range * static_cast<float>(buckets - exact));
    return first + std::min(exact + step, buckets - 1);
}

class T5 : public Model {
  public:
    T5(const Weights& weights, const Config& config, ComputeContext& compute)
        : Model(config, compute) {
        const bool shared =
            weights.has("shared.weight") || !weights.has("encoder.embed_tokens.weight");
        embedding_ = &weights.matrix(shared ? "shared.weight" : "encoder.embed_tokens.weight",
                                     config.vocabulary, config.width);
        encoder_ = stack(weights, "encoder", config.layers, false);
        decoder_ = stack(weights, "decoder", config.decoder_layers, true);
        const bool own_head =
            !config.tied_head || (config.head_by_file && weights.has("lm_head.weight"));
        head_ = own_head ? &weights.matrix("lm_head.weight", config.vocabulary, config.width)
                         : embedding_;
        if (config.scaled_head) head_scale_ = 1.0F / std::sqrt(static_cast<float>(config.width));
    }

    Sequence begin(std::span<const std::uint32_t> source, std::size_t capacity) override {
        Sequence sequence;
        sequence.capacity = capacity;
        sequence.bias = bias_by_distance(*decoder_.bias, capacity, false);
        const std::size_t width = config_.heads * config_.head_width;
        Matrix x;
        embed(*embedding_, source, x);
        const std::vector<float> bias = bias_by_distance(*encoder_.bias, source.size(), true);
        for (const Block& block : encoder_.blocks) {
            KeyValueCache cache(width, source.size());
            attend_self(block.self, cache, false, bias, source.size(), x);
            feed_forward(block.forward, x);
        }
        Matrix encoded;
        rms_norm(x, encoder_.last_norm, config_.epsilon, encoded);
        for (const Block& block : decoder_.blocks) {
            sequence.self.emplace_back(width, capacity);
            multiply(encoded, block.cross.key, keys_);
            multiply(encoded, block.cross.value, values_);
            sequence.cross.emplace_back(width, source.size()).append(keys_, 0, values_, 0);
        }
        return sequence;
    }

    void advance(Sequence& sequence, std::span<const std::uint32_t> ids, Matrix& hidden) override {
        if (make_room(sequence, ids.size()))
            sequence.bias = bias_by_distance(*decoder_.bias, sequence.capacity, false);
        Matrix x;
        embed(*embedding_, ids, x);
        for (std::size_t layer = 0; layer < decoder_.blocks.size(); ++layer) {
            const Block& block = decoder_.blocks[layer];
            attend_self(block.self, sequence.self[layer], true, sequence.bias, sequence.capacity,
                        x);
            rms_norm(x, block.cross.norm, config_.epsilon, normed_);
            multiply(normed_, block.cross.query, queries_);
            Attention attention;
            attention.heads = config_.heads;
            attend(compute_, queries_, sequence.cross[layer], attention, attended_);
            multiply(attended_, block.cross.out, normed_);
            add(x, normed_);
            feed_forward(block.forward, x);
        }
        rms_norm(x, decoder_.last_norm, config_.epsilon, hidden);
        sequence.length += ids.size();
    }

  private:
    Stack stack(const Weights& weights, const std::string& name, std::uint64_t layers,
                bool has_cross) {
        const std::uint64_t width = config_.width;
        const std::uint64_t inside = config_.heads * config_.head_width;
        const auto attention = [&](const std::string& layer, const std::string& kind) {
            const std::string part = layer + kind + ".";
            return AttentionWeights{weights.vector(layer + "layer_norm.weight", width),
                                    &weights.matrix(part + "q.weight", inside, width),
                                    &weights.matrix(part + "k.weight", inside, width),
                                    &weights.matrix(part + "v.weight", inside, width),
                                    &weights.matrix(part + "o.weight", width, inside)};
        };
        Stack stack;
        for (std::uint64_t i = 0; i < layers; ++i) {
            const std::string block = fmt::format("{}.block.{}.layer.", name, i);
            Block made;
            made.self = attention(block + "0.", "SelfAttention");
            if (has_cross) made.cross = attention(block + "1.", "EncDecAttention");
            const std::string forward = block + (has_cross ? "2." : "1.");
            const std::string dense = forward + "DenseReluDense.";
            const bool gated = config_.activation == Activation::kGatedGelu;
            made.forward = {
                weights.vector(forward + "layer_norm.weight", width),
                &weights.matrix(dense + (gated ? "wi_0.weight" : "wi.weight"), config_.inner,
                                width),
                gated ? &weights.matrix(dense + "wi_1.weight", config_.inner, width) : nullptr,
                &weights.matrix(dense + "wo.weight", width, config_.inner)};
            stack.blocks.push_back(std::move(made));
        }
        check_last_layer(
            weights, fmt::format("{}.block.{}.layer.0.layer_norm.weight", name, layers), layers);
        stack.last_norm = weights.vector(name + ".final_layer_norm.weight", width);
        stack.bias =
            &weights.matrix(name + ".block.0.layer.0.SelfAttention.relative_attention_bias.weight",
                            config_.buckets, config_.heads);
        return stack;
    }

    std::vector<float> bias_by_distance(const WeightMatrix& stored, std::size_t span,
                                        bool both_directions) {
        Matrix table(stored.rows, stored.columns);
        compute_.team().run(1, [&](std::size_t, unsigned) {
            for (std::size_t row = 0; row < table.rows; ++row)
                restore(stored, row, 0, table.columns, table.row(row));
        });
        const std::size_t row_size = 2 * span - 1;
        std::vector<float> bias(config_.heads * row_size);
        for (std::size_t i = 0; i < row_size; ++i) {
            const auto distance =
                static_cast<std::int64_t>(i) - static_cast<std::int64_t>(span - 1);
            const float* const row = table.row(
                bucket_of(distance, both_directions, config_.buckets, config_.max_distance));
            for (std::size_t head = 0; head < config_.heads; ++head)
                bias[head * row_size + i] = row[head];
        }
        return bias;
    }

    void multiply(const Matrix& x, const WeightMatrix* weight, Matrix& out) {
        compute_.multiply(x, *weight, Layout::kOutIn, {}, out);
    }

    void attend_self(const AttentionWeights& weights, KeyValueCache& cache, bool causal,
                     const std::vector<float>& bias, std::size_t span, Matrix& x) {
        rms_norm(x, weights.norm, config_.epsilon, normed_);
        multiply(normed_, weights.query, queries_);
        multiply(normed_, weights.key, keys_);
        multiply(normed_, weights.value, values_);
        cache.append(keys_, 0, values_, 0);
        Attention attention;
        attention.heads = config_.heads;
        attention.causal = causal;
        attention.bias = &bias;
        attention.bias_span = span;
        attend(compute_, queries_, cache, attention, attended_);
        multiply(attended_, weights.out, normed_);
        add(x, normed_);
    }

    void feed_forward(const ForwardWeights& weights, Matrix& x) {
        rms_norm(x, weights.norm, config_.epsilon, normed_);
        multiply(normed_, weights.in, inner_);
        if (weights.gate != nullptr) {
            compute_.apply_gelu(inner_);
            multiply(normed_, weights.gate, gate_);
            for (std::size_t i = 0; i < inner_.values.size(); ++i)
                inner_.values[i] *= gate_.values[i];
        } else {
            for (float& value : inner_.values) value = std::max(value, 0.0F);
        }
        multiply(inner_, weights.out, normed_);
        add(x, normed_);
    }

    const WeightMatrix* embedding_ = nullptr;
    Stack encoder_;
    Stack decoder_;
    Matrix normed_;
    Matrix queries_;
    Matrix keys_;
    Matrix values_;
    Matrix attended_;
    Matrix inner_;
    Matrix gate_;
};

}  // namespace

std::unique_ptr<Model> open_t5(const Weights& weights, const Config& config,
                               ComputeContext& compute) {
    return std::make_unique<T5>(weights, config, compute);
}

}  // namespace octet::model
