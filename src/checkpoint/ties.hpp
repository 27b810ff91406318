// Embeddings and heads that a checkpoint may hold twice: Llama's lm_head.weight, Whisper's
// proj_out.weight, BART's model.shared.weight and both embed_tokens.weight. Which of them are equal
// only their bytes say; this tells from names and shapes which could be.
#pragma once

#include <cstddef>
#include <vector>

#include "checkpoint/kind.hpp"
#include "octet/report.hpp"

namespace octet::checkpoint {

/// For each tensor those that a framework may keep only once together with it, the best first: what
/// the family's profile declares, and for unknown families every earlier embedding or head of its
/// dtype and shape, and for a head later embeddings as well. `kind` of the tensors is known.
std::vector<std::vector<std::size_t>> tie_candidates(Family family,
                                                     const std::vector<TensorReport>& tensors);

}  // namespace octet::checkpoint
