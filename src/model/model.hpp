// A model that runs: tokens in, hidden states and logits out. GPT-2 and T5 each have a file of
// their own; everything above sees this one face. A model looks at weights that it does not own and
// computes on a machine that it does not own; sequences are independent of each other, but one
// machine works for one of them at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/config.hpp"
#include "model/layers.hpp"
#include "model/matrix.hpp"
#include "model/multiply.hpp"
#include "model/weights.hpp"
#include "tokenize/tokenizer.hpp"

namespace octet::model {

using tokenize::Ids;

/// A text that is being read or written, with everything that its next token depends on.
struct Sequence {
    std::size_t length = 0;            ///< tokens so far; T5: of the decoder
    std::size_t capacity = 0;          ///< tokens that there is room for until it grows
    std::vector<KeyValueCache> self;   ///< one a layer
    std::vector<KeyValueCache> cross;  ///< T5: the encoder's keys and values, one a decoder layer
    std::vector<float> bias;           ///< T5: the decoder's, by distance (layers.hpp, Attention)
};

class Model {
  public:
    virtual ~Model() = default;

    const Config& config() const noexcept { return config_; }

    /// A new sequence with room for `capacity` tokens at first. T5 reads `source` (with its end
    /// token) through the encoder; for GPT-2 it has to be empty. A token beyond the vocabulary:
    /// kBadInput.
    virtual Sequence begin(std::span<const std::uint32_t> source, std::size_t capacity) = 0;

    /// Reads `ids` behind what the sequence has, which grows where its room ends; `hidden` becomes
    /// the states behind the last norm, a row an id. A token beyond the vocabulary: kBadInput.
    virtual void advance(Sequence& sequence, std::span<const std::uint32_t> ids,
                         Matrix& hidden) = 0;

    /// logits (resized to count x vocabulary) of the rows `first` .. `first + count` of `hidden`.
    void logits(const Matrix& hidden, std::size_t first, std::size_t count, Matrix& logits);

  protected:
    Model(const Config& config, ComputeContext& compute) : config_(config), compute_(compute) {}

    /// Room for `count` more tokens: twice as much as before where it has ended. False where it was
    /// there.
    static bool make_room(Sequence& sequence, std::size_t count);

    /// kBadInput where the weights have `first_of_next`, a tensor of a layer behind the config's
    /// last: without it the model would say nonsense.
    static void check_last_layer(const Weights& weights, std::string_view first_of_next,
                                 std::uint64_t layers);

    /// The embeddings of `ids`, a row each.
    void embed(const WeightMatrix& embedding, std::span<const std::uint32_t> ids, Matrix& out);

    Config config_;
    ComputeContext& compute_;
    const WeightMatrix* head_ = nullptr;
    float head_scale_ = 1;  ///< of the hidden states before the head
};

std::unique_ptr<Model> open_gpt2(const Weights& weights, const Config& config,
                                 ComputeContext& compute);
std::unique_ptr<Model> open_t5(const Weights& weights, const Config& config,
                               ComputeContext& compute);

/// The model of these weights. Weights that do not fit the config: kBadInput naming the tensor.
std::unique_ptr<Model> open_model(const Weights& weights, const Config& config,
                                  ComputeContext& compute);

}  // namespace octet::model
