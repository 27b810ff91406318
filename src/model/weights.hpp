// The weights of a model by name: from a plain checkpoint or a quantized set mapped and not copied,
// from a GGUF file restored.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "formats/gguf/gguf_source.hpp"
#include "formats/octet_set/quantized_set.hpp"
#include "io/file.hpp"
#include "io/mapping.hpp"
#include "model/weight_matrix.hpp"
#include "octet/report.hpp"

namespace octet::model {

class Weights {
  public:
    /// Opens the checkpoint or set at `path`, as docs/cli.md says of MODEL. kBadInput; kIo where a
    /// file cannot be mapped.
    static Weights open(const std::filesystem::path& path, io::Links links = io::Links::kOwn);

    /// Where config.json and the tokenizer lie.
    const std::filesystem::path& folder() const noexcept { return folder_; }
    bool is_set() const noexcept { return is_set_; }

    /// The GGUF file that they are of, which has config and tokenizer; null for others.
    const gguf::GgufSource* gguf() const noexcept { return gguf_.get(); }

    /// The path as the user gave it.
    const std::string& input() const noexcept { return input_; }

    /// The names of the quantized tensors, in file order.
    const std::vector<std::string>& quantized() const noexcept { return quantized_; }

    /// True once matrix() or vector() was asked for it.
    bool is_used(const std::string& name) const { return used_.contains(name); }

    bool has(std::string_view name) const { return matrices_.contains(std::string(name)); }

    /// The weight of that name and shape. Not there, another shape, or no float: kBadInput.
    const WeightMatrix& matrix(std::string_view name, std::uint64_t rows,
                               std::uint64_t columns) const;

    /// A copy of the short vector of that name (a norm, a bias), as float32. Errors as above.
    std::vector<float> vector(std::string_view name, std::uint64_t size) const;

    /// These weights, but `name` from `other`: for trying out one tensor at a time. Both have to
    /// outlive the result.
    Weights with_one_of(const Weights& other, const std::string& name) const;

    /// Bytes of a mapped file.
    struct Stretch {
        const io::File* file = nullptr;
        const io::Mapping* mapping = nullptr;  ///< of that file
        std::uint64_t offset = 0;
        std::uint64_t byte_count = 0;
    };

    /// Where everything lies that a model may multiply with or add, in the order of the files.
    std::vector<Stretch> stretches() const;

    /// The system need not note what of the mapped files was used (io::Mapping::leave_unmarked):
    /// before they are given back.
    void leave_unmarked() const noexcept;

  private:
    struct Place {
        std::size_t file = 0;
        std::uint64_t offset = 0;
        std::uint64_t byte_count = 0;  ///< of a quantized tensor with everything that belongs to it
    };

    void add(std::string name, const Shape& shape, Dtype dtype, std::optional<CodeState> codes,
             const Place& place);
    void open_checkpoint(const std::filesystem::path& path, io::Links links);
    void open_set(const std::filesystem::path& folder, io::Links links);
    CodeState state_of(const TensorReport& tensor, const octet_set::StoredTensor& stored) const;
    void open_gguf(const std::filesystem::path& path, io::Links links);
    void restore_tensor(const gguf::GgufSource& source, std::size_t tensor);
    void map(io::File file);

    std::string input_;
    std::filesystem::path folder_;
    bool is_set_ = false;
    std::vector<io::File> files_;
    std::vector<io::Mapping> mappings_;
    std::unordered_map<std::string, WeightMatrix> matrices_;
    std::unordered_map<std::string, Shape> shapes_;
    std::vector<std::string> quantized_;
    std::vector<Place> places_;  ///< of tensors of at most two dimensions
    mutable std::unordered_set<std::string> used_;
    std::shared_ptr<const gguf::GgufSource> gguf_;
    std::vector<std::unique_ptr<float[]>> restored_;
};

}  // namespace octet::model
