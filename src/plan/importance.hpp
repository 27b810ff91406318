// The weights of squared errors that --importance names: one vector for each tensor, or for each expert of a tensor, one number for
// each of its inputs, such as the mean of the squared activations that meet it. Owns its values.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "io/file.hpp"
#include "octet/report.hpp"

namespace octet::plan {

class Importance {
  public:
    /// Reads a safetensors file of F32 vectors, or matrices of one row for each expert: finite, not negative and not all 0, named like the
    /// tensors they are for. kBadInput, kIo.
    explicit Importance(const std::filesystem::path& path);

    /// XXH3-128 of the file.
    const Checksum& checksum() const noexcept { return checksum_; }

    /// kBadInput where weights are for no tensor of `tensors`, or there is not one for each input (of each expert) of one that is searched.
    void check(const std::vector<TensorReport>& tensors) const;

    /// The weights of a tensor quantized like that, scaled to a mean of 1, expert after expert where each has its own; null where the file
    /// has none, or the scheme has no search.
    const std::vector<float>* weights_of(std::string_view name, const Shape& shape, const Scheme& scheme) const;

  private:
    struct Weights {
        Shape shape;
        std::vector<float> values;
    };

    Weights read(const io::File& data, const checkpoint::Tensor& tensor) const;
    void check_shape(const Weights& weights, const TensorReport& tensor) const;

    std::string input_;
    Checksum checksum_;
    std::map<std::string, Weights, std::less<>> weights_;
};

/// The weights that the codes of a set depend on: those of the file `given`, which must have the checksum that the set's sidecar gives.
/// Null where the set was made without. kUsage where one of the two is missing, kBadInput for another file.
std::unique_ptr<Importance> open_importance(const std::optional<Checksum>& expected,
                                            const std::optional<std::filesystem::path>& given);

}  // namespace octet::plan
