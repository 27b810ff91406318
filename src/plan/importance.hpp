// The weights of squared errors that --importance names: one vector for each tensor, one number for each of its inputs, such as the mean of
// the squared activations that meet it. Owns its values.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "octet/report.hpp"

namespace octet::plan {

class Importance {
  public:
    /// Reads a safetensors file of F32 vectors, finite, not negative and not all 0, named like the tensors they are for. kBadInput, kIo.
    explicit Importance(const std::filesystem::path& path);

    /// XXH3-128 of the file.
    const Checksum& checksum() const noexcept { return checksum_; }

    /// kBadInput where a vector is for no tensor of `tensors`, or does not have one weight for each input of one that is searched.
    void check(const std::vector<TensorReport>& tensors) const;

    /// The weights of a tensor quantized like that, scaled to a mean of 1; null where the file has none, or the scheme has no search.
    const std::vector<float>* weights_of(std::string_view name, const Shape& shape, const Scheme& scheme) const;

  private:
    std::string input_;
    Checksum checksum_;
    std::map<std::string, std::vector<float>, std::less<>> vectors_;
};

/// The weights that the codes of a set depend on: those of the file `given`, which must have the checksum that the set's sidecar gives.
/// Null where the set was made without. kUsage where one of the two is missing, kBadInput for another file.
std::unique_ptr<Importance> open_importance(const std::optional<Checksum>& expected,
                                            const std::optional<std::filesystem::path>& given);

}  // namespace octet::plan
