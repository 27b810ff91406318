// What GPTQ and AWQ share: codes lie [in, out], weights are [out, in]. A run is decoded some
// outputs at a time, input after input.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "formats/came_quantized/decoder.hpp"

namespace octet::came_quantized {

/// Outputs that are decoded together, and a multiple of what a word holds of any width.
inline constexpr std::uint64_t kTile = 128;

/// A reader of some outputs, [first, first + count), count <= kTile, `first` a multiple of kTile;
/// one thread's.
class TileReader {
  public:
    TileReader() = default;
    TileReader(const TileReader&) = delete;
    TileReader& operator=(const TileReader&) = delete;
    virtual ~TileReader() = default;

    /// Their values at that input.
    virtual void read(std::uint64_t input, std::span<float> values) = 0;
};

class Transposed : public Decoder {
  public:
    explicit Transposed(const Weight& weight) : weight_(weight) {}

    void read(std::uint64_t first, std::span<float> values,
              std::span<std::byte> scratch) const override;
    std::uint64_t good_run() const override;

  protected:
    const Weight& weight() const noexcept { return weight_; }
    virtual std::unique_ptr<TileReader> tile(std::uint64_t first, std::uint64_t count) const = 0;

  private:
    const Weight& weight_;
};

/// The group of each input: as an index says, else so many inputs each.
class Groups {
  public:
    Groups(const Stored& stored, std::optional<std::uint32_t> index, std::uint64_t group,
           std::uint64_t groups)
        : stored_(stored),
          index_(index),
          window_(stored, index.value_or(0)),
          group_(group),
          groups_(groups) {}

    /// kBadInput by name where the index says a group that is not there.
    std::uint64_t at(std::uint64_t input);

  private:
    const Stored& stored_;
    std::optional<std::uint32_t> index_;
    IntegerWindow window_;
    std::uint64_t group_;
    std::uint64_t groups_;
};

/// Reads words [first, first + words.size()) of a tensor of I32. kIo.
void read_words(const Stored& stored, std::uint32_t tensor, std::uint64_t first,
                std::span<std::uint32_t> words);

}  // namespace octet::came_quantized
