// The reading seam: weights of any format that octet reads, opened to read their tensors as
// floating-point numbers. Each format is an implementation: a plain checkpoint (plain_source), a
// set of octet's own (octet_set/set_source), a GGUF file (gguf/gguf_source), a checkpoint that came
// quantized by another method (came_quantized/quantized_source); codecs/open_source chooses. A
// source owns its open files; reading is safe from several threads at once.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "checkpoint/kind.hpp"
#include "io/file.hpp"
#include "octet/report.hpp"

namespace octet::formats {

/// An element as it is stored under a scheme: its code, and the scale and zero point of its block.
struct CodedElement {
    std::int32_t code = 0;
    float scale = 0;
    float zero_point = 0;  ///< 0 of symmetric schemes
};

class FloatSource {
  public:
    enum class What : std::uint8_t { kCheckpoint, kSet, kGguf, kQuantized };

    FloatSource(const FloatSource&) = delete;
    FloatSource& operator=(const FloatSource&) = delete;
    virtual ~FloatSource() = default;

    What what() const noexcept { return what_; }
    bool is_set() const noexcept { return what_ == What::kSet; }
    bool is_gguf() const noexcept { return what_ == What::kGguf; }
    bool came_quantized() const noexcept { return what_ == What::kQuantized; }

    /// "safetensors", "octet", "gguf", or the method of a checkpoint that came quantized.
    virtual std::string_view format() const noexcept;

    /// In file order, under the names, in the layout and with the dtypes of a checkpoint: kind,
    /// scheme or type, state; `output_bytes` as stored, with the state. Of codes in a format that
    /// says no dtype it is F32.
    const std::vector<TensorReport>& tensors() const noexcept { return tensors_; }

    /// The place of a tensor in tensors().
    std::optional<std::size_t> find(std::string_view name) const;

    /// True of a tensor of a checkpoint that the format drops, as it follows from others: masks,
    /// further names of the embedding.
    virtual bool has_no_place_for(std::string_view /*name*/) const { return false; }

    /// The files that it reads.
    const std::vector<io::File>& files() const noexcept { return files_; }

    /// Their bytes, headers included.
    std::uint64_t file_bytes() const noexcept { return file_bytes_; }

    /// The footprint as a framework counts it.
    std::uint64_t framework_bytes() const noexcept { return framework_bytes_; }

    /// Bytes of `scratch` that read() needs for each element.
    static constexpr std::size_t kScratchBytes = 8;

    /// Reads elements [first, first + values.size()) of a float tensor, converted to the nearest;
    /// float64 keeps F64 as it is, and what was restored from codes is float32 in either. kIo.
    void read(std::size_t tensor, std::uint64_t first, std::span<float> values,
              std::span<std::byte> scratch) const;
    void read(std::size_t tensor, std::uint64_t first, std::span<double> values,
              std::span<std::byte> scratch) const;

    /// How many elements are best read at once, from a multiple of it on: more than 1 of what lies
    /// transposed.
    virtual std::uint64_t good_run(std::size_t /*tensor*/) const { return 1; }

    /// True where values are restored from codes.
    virtual bool is_quantized(std::size_t tensor) const {
        return tensors_[tensor].scheme.has_value();
    }

    /// True of a tensor that lies in a file as a checkpoint has it, element behind element in its
    /// dtype.
    virtual bool is_plain(std::size_t tensor) const { return !tensors_[tensor].scheme; }

    /// Reads elements [first, first + codes.size()) of a tensor that has a scheme as they are
    /// stored; `scratch` as of read(), and 16 bytes more. kInternal where there is no scheme; kIo.
    virtual void read_codes(std::size_t tensor, std::uint64_t first, std::span<CodedElement> codes,
                            std::span<std::byte> scratch) const;

    /// Where a tensor lies; of a quantized one its codes and what belongs to them.
    const io::File& file_of(std::size_t tensor) const { return files_[places_[tensor].file]; }
    std::uint64_t offset(std::size_t tensor) const { return places_[tensor].offset; }
    std::uint64_t byte_count(std::size_t tensor) const { return places_[tensor].byte_count; }

    /// Reads bytes [first, first + bytes.size()) of it. kIo.
    void read_bytes(std::size_t tensor, std::uint64_t first, std::span<std::byte> bytes) const;

  protected:
    struct Place {
        std::size_t file = 0;
        std::uint64_t offset = 0;
        std::uint64_t byte_count = 0;
    };

    struct Contents {
        What what = What::kCheckpoint;
        std::vector<io::File> files = {};
        std::vector<TensorReport> tensors = {};  ///< kinds not yet assigned
        std::vector<Place> places = {};          ///< parallel to them
        checkpoint::Counted counted = checkpoint::Counted::kSource;
    };

    explicit FloatSource(Contents&& contents);

    /// Elements [first, first + count) as `target`, F32 or F64.
    virtual void read_as(Dtype target, std::size_t tensor, std::uint64_t first, std::uint64_t count,
                         std::span<std::byte> values, std::span<std::byte> scratch) const = 0;

    /// The same of elements that lie there in the tensor's dtype.
    void read_plain(Dtype target, std::size_t tensor, std::uint64_t first, std::uint64_t count,
                    std::span<std::byte> values, std::span<std::byte> scratch) const;

    /// Where in `values` to restore float32, so that widen() can make `target` of them in place.
    static float* room_of_floats(Dtype target, std::uint64_t count,
                                 std::span<std::byte> values) noexcept;
    static void widen(Dtype target, std::uint64_t count, std::span<std::byte> values) noexcept;

  private:
    What what_;
    std::vector<io::File> files_;
    std::vector<TensorReport> tensors_;
    std::vector<Place> places_;
    std::unordered_map<std::string_view, std::size_t> by_name_;
    std::uint64_t file_bytes_ = 0;
    std::uint64_t framework_bytes_ = 0;
};

}  // namespace octet::formats
