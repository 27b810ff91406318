// Which tensors may be tied, and whether their bytes are the same; see the header.
#include "survey/equal_ties.hpp"

#include <algorithm>

#include "checkpoint/kind.hpp"
#include "checkpoint/ties.hpp"
#include "pipeline/stop.hpp"

namespace octet::survey {
namespace {

/// The numbers of the tensors that tensor `i` may be stored with, by all that headers and options
/// say.
std::vector<std::vector<std::size_t>> possible_ties(const checkpoint::Checkpoint& checkpoint,
                                                    const std::vector<TensorReport>& tensors) {
    auto ties = checkpoint::tie_candidates(checkpoint::detect_family(tensors), tensors);
    for (std::size_t i = 0; i < ties.size(); ++i) {
        std::erase_if(ties[i], [&](std::size_t other) {
            return checkpoint.tensors[i].shard != checkpoint.tensors[other].shard ||
                   tensors[i].scheme != tensors[other].scheme;
        });
    }
    return ties;
}

bool have_equal_bytes(const checkpoint::Checkpoint& checkpoint, const checkpoint::Tensor& a,
                      const checkpoint::Tensor& b, const WriteOptions& options) {
    constexpr std::uint64_t kPart = 1U << 20U;
    std::vector<std::byte> parts_of_a(std::min(kPart, a.byte_count));
    std::vector<std::byte> parts_of_b(parts_of_a.size());
    for (std::uint64_t at = 0; at < a.byte_count; at += kPart) {
        pipeline::check_stop(options);
        const std::uint64_t count = std::min(kPart, a.byte_count - at);
        const std::span<std::byte> of_a = std::span(parts_of_a).first(count);
        const std::span<std::byte> of_b = std::span(parts_of_b).first(count);
        checkpoint.shards[a.shard].file.read_at(of_a, a.offset + at);
        checkpoint.shards[b.shard].file.read_at(of_b, b.offset + at);
        if (!std::equal(of_a.begin(), of_a.end(), of_b.begin())) return false;
    }
    return true;
}

}  // namespace

std::vector<std::optional<std::uint32_t>> equal_ties(const checkpoint::Checkpoint& checkpoint,
                                                     const std::vector<TensorReport>& tensors,
                                                     const WriteOptions& options) {
    const auto ties = possible_ties(checkpoint, tensors);
    std::vector<std::optional<std::uint32_t>> equal(ties.size());
    for (std::size_t i = 0; i < ties.size(); ++i) {
        for (const std::size_t other : ties[i]) {
            if (equal[i]) break;
            if (have_equal_bytes(checkpoint, checkpoint.tensors[i], checkpoint.tensors[other],
                                 options))
                equal[i] = static_cast<std::uint32_t>(other);
        }
    }
    for (auto& tie : equal) {  // to the one that is stored
        while (tie && equal[*tie]) tie = equal[*tie];
    }
    return equal;
}

std::vector<Tie> find_ties(const checkpoint::Checkpoint& checkpoint,
                           const std::vector<TensorReport>& tensors, const WriteOptions& options) {
    const auto others = equal_ties(checkpoint, tensors, options);
    std::vector<Tie> ties;
    for (std::uint32_t i = 0; i < others.size(); ++i) {
        if (others[i]) ties.emplace_back(i, *others[i]);
    }
    return ties;
}

void tie(const std::vector<Tie>& ties, std::vector<TensorReport>& tensors) {
    for (const auto& [tensor, other] : ties) {
        tensors[tensor].same_as = tensors[other].name;
        tensors[tensor].output_bytes = 0;
    }
}

void tie_equal(const checkpoint::Checkpoint& checkpoint, std::vector<TensorReport>& tensors,
               const WriteOptions& options) {
    tie(find_ties(checkpoint, tensors, options), tensors);
}

bool may_tie(const checkpoint::Checkpoint& checkpoint, const std::vector<TensorReport>& tensors) {
    const auto ties = possible_ties(checkpoint, tensors);
    return std::any_of(ties.begin(), ties.end(),
                       [](const auto& others) { return !others.empty(); });
}

}  // namespace octet::survey
