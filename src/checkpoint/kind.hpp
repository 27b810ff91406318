// What src/arch says of the tensors of a checkpoint, put together, and what a framework's footprint
// counts. Profiles know what GPT-2 (with and without the prefixes of wrappers) and T5 tie and
// count.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "octet/options.hpp"
#include "octet/report.hpp"

namespace octet::checkpoint {

/// Families whose names have a fixed meaning.
enum class Family : std::uint8_t { kUnknown, kGpt2, kT5 };

/// The family that these tensor names belong to.
Family detect_family(const std::vector<TensorReport>& tensors);

/// Fills in `kind`, `role` and `output_axis` of every tensor and returns the family.
Family assign_kinds(std::vector<TensorReport>& tensors);

/// For each tensor the number of the one that a framework keeps only once together with it, as the
/// family's profile declares, if there is one with equal dtype and shape. Whether their bytes are
/// equal is not asked.
std::vector<std::optional<std::size_t>> declared_ties(Family family,
                                                      const std::vector<TensorReport>& tensors);

/// True for the weight matrix of a layer that frameworks call Linear (of GPT-2: Conv1D): weights
/// and heads of two dimensions, but for GPT-2's head, which is its embedding. Kinds are filled in.
bool is_linear_weight(Family family, const TensorReport& tensor);

/// Which bytes of a tensor the footprint counts.
enum class Counted : std::uint8_t {
    kSource,        ///< as in the source
    kStored,        ///< as stored in the data files of a set: codes and state tensors, not what the
                    ///< sidecar holds
    kStoredLinear,  ///< the same, and two float32 activation scales for each quantized Linear
                    ///< layer, which its framework adds
};

/// How the footprint of a set that the preset made is counted.
constexpr Counted counted_as(Preset preset) noexcept {
    return preset == Preset::kLinear ? Counted::kStoredLinear : Counted::kStored;
}

/// The footprint as the seed documents count it (docs/seeds.md): every parameter once (tied ones
/// once), for GPT-2 without the mask buffers of the file but with those the framework makes: per
/// layer n_positions^2 boolean bytes and a scalar of 4 bytes.
std::uint64_t framework_bytes(Family family, const std::vector<TensorReport>& tensors,
                              Counted counted);

}  // namespace octet::checkpoint
