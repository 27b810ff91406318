// What both families share: the embedding of tokens, the check that a config does not leave out
// layers of the checkpoint, logits as a product with the head.
#include "model/model.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet::model {

std::unique_ptr<Model> open_model(const Weights& weights, const Config& config,
                                  ComputeContext& compute) {
    return config.family == checkpoint::Family::kT5 ? open_t5(weights, config, compute)
                                                    : open_gpt2(weights, config, compute);
}

bool Model::make_room(Sequence& sequence, std::size_t count) {
    if (sequence.length + count <= sequence.capacity) return false;
    sequence.capacity = std::max(2 * sequence.capacity, sequence.length + count);
    for (KeyValueCache& cache : sequence.self) cache.reserve(sequence.capacity);
    return true;
}

void Model::check_last_layer(const Weights& weights, std::string_view first_of_next,
                             std::uint64_t layers) {
    if (!weights.has(first_of_next)) return;
    throw Error(ErrorCode::kBadInput, printable(weights.input()),
                fmt::format("has tensor {}, where config.json has {} layer{}; checkpoint and "
                            "config.json do not belong "
                            "together",
                            in_quotes(first_of_next), layers, layers == 1 ? "" : "s"));
}

void Model::embed(const WeightMatrix& embedding, std::span<const std::uint32_t> ids, Matrix& out) {
    for (const std::uint32_t id : ids) {
        if (id < embedding.rows) continue;
        throw Error(ErrorCode::kBadInput, fmt::format("token {} is beyond the model's vocabulary "
                                                      "of {}; the tokenizer, or the ids, belong to "
                                                      "another model",
                                                      id, embedding.rows));
    }
    out = Matrix(ids.size(), embedding.columns);
    compute_.team().run(1, [&](std::size_t, unsigned) {
        for (std::size_t t = 0; t < ids.size(); ++t)
            restore(embedding, ids[t], 0, out.columns, out.row(t));
    });
}

void Model::logits(const Matrix& hidden, std::size_t first, std::size_t count, Matrix& logits) {
    Matrix chosen(count, hidden.columns);
    std::transform(hidden.row(first), hidden.row(first) + chosen.values.size(),
                   chosen.values.begin(), [this](float value) { return value * head_scale_; });
    compute_.multiply(chosen, *head_, Layout::kOutIn, {}, logits);
}

}  // namespace octet::model
