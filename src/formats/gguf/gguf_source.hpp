// A GGUF file as a source of floats: blocks are decoded as they are read, under the names and in
// the layout that the checkpoint had (checkpoint_view.hpp).
#pragma once

#include "formats/float_source.hpp"
#include "formats/gguf/checkpoint_view.hpp"
#include "formats/gguf/gguf_file.hpp"

namespace octet::gguf {

class GgufSource final : public formats::FloatSource {
  public:
    explicit GgufSource(GgufFile&& file);

    /// Of the first file.
    const std::vector<ReadKey>& keys() const noexcept { return keys_; }

    /// Sums over the tensors; errors as far as octet wrote them into the file.
    Totals totals() const;

    bool has_no_place_for(std::string_view name) const override {
        return is_dropped(architecture_, name);
    }
    bool is_quantized(std::size_t tensor) const override;
    std::uint64_t good_run(std::size_t tensor) const override;
    bool is_plain(std::size_t tensor) const override;

  private:
    GgufSource(GgufFile&& file, CheckpointView&& view);
    static Contents contents_of(GgufFile& file, const CheckpointView& view);

    void read_as(Dtype target, std::size_t tensor, std::uint64_t first, std::uint64_t count,
                 std::span<std::byte> values, std::span<std::byte> scratch) const override;
    void restore(std::size_t tensor, std::uint64_t first, std::uint64_t count, float* values,
                 std::span<std::byte> scratch) const;
    void decode(std::size_t tensor, std::uint64_t first, std::uint64_t count, float* values,
                std::span<std::byte> scratch) const;
    std::uint64_t decode_edge(std::size_t tensor, std::uint64_t first, std::uint64_t count,
                              float* values) const;
    void decode_heads(std::size_t tensor, std::uint64_t first, std::uint64_t count, float* values,
                      std::span<std::byte> scratch) const;
    void decode_transposed(std::size_t tensor, std::uint64_t first, std::uint64_t count,
                           float* values) const;

    std::string architecture_;
    std::vector<ReadKey> keys_;
    std::vector<ggml::Type> types_;   ///< parallel to tensors()
    std::vector<ViewedTensor> view_;  ///< the same
};

}  // namespace octet::gguf
