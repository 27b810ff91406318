// The weights of squared errors that --importance names: one vector for each tensor, or for each
// expert of a tensor, one number for each of its inputs, such as the mean of the squared
// activations that meet it. They come from a safetensors file, as calibrate writes it, or from
// llama.cpp's imatrix (formats/gguf/imatrix.hpp), which names tensors as GGUF files do. Owns its
// values.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "io/file.hpp"
#include "octet/report.hpp"

namespace octet::plan {

class Importance {
  public:
    /// Reads a safetensors file of F32 vectors, or matrices of one row for each expert: finite, not
    /// negative and not all 0, named like the tensors they are for; or an imatrix. kBadInput, kIo.
    explicit Importance(const std::filesystem::path& path);

    /// XXH3-128 of the file.
    const Checksum& checksum() const noexcept { return checksum_; }

    /// kBadInput where weights are for no tensor of `tensors`, or there is not one for each input
    /// (of each expert) of one that is searched.
    void check(const std::vector<TensorReport>& tensors) const;

    /// The weights of a tensor quantized like that, scaled to a mean of 1, expert after expert
    /// where each has its own; empty where the file has none, or the scheme has no search.
    std::span<const float> weights_of(std::string_view name, const Shape& shape,
                                      const Scheme& scheme) const;

    /// The weights of a tensor of so many matrices with so many inputs that is stored in blocks of
    /// another format, scaled alike, one vector for all matrices or one for each; empty where the
    /// file has none. kBadInput where it has another number.
    std::span<const float> weights_of_inputs(std::string_view name, std::uint64_t inputs,
                                             std::uint64_t matrices) const;

    /// kBadInput where a vector is for no tensor of these names; of an imatrix, which may be of a
    /// larger model, where none is for any.
    void check_names(const std::vector<TensorReport>& tensors) const;

    /// How many tensors it has weights for.
    std::size_t size() const noexcept { return weights_.size(); }

  private:
    struct Weights {
        Shape shape;
        std::vector<float> values;
    };

    /// The entry of a tensor, and which of its vectors.
    struct Found {
        std::map<std::string, Weights, std::less<>>::const_iterator entry;
        std::optional<std::uint64_t> expert = {};
    };

    void read_safetensors(const std::filesystem::path& path);
    void read_imatrix(const io::File& data);
    Weights read(const io::File& data, const checkpoint::Tensor& tensor) const;
    std::optional<Found> find(std::string_view name) const;
    static std::span<const float> fitting(const Found& found, std::uint64_t inputs,
                                          std::uint64_t matrices);
    void check_shape(const Found& found, const TensorReport& tensor) const;

    std::string input_;
    bool is_imatrix_ = false;
    Checksum checksum_;
    std::map<std::string, Weights, std::less<>> weights_;
};

/// The weights that the codes of a set depend on: those of the file `given`, which must have the
/// checksum that the set's sidecar gives. Null where the set was made without. kUsage where one of
/// the two is missing, kBadInput for another file.
std::unique_ptr<Importance> open_importance(const std::optional<Checksum>& expected,
                                            const std::optional<std::filesystem::path>& given);

}  // namespace octet::plan
