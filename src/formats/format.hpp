// How a format stores a checkpoint: which tensors and files there are and how long, and how codes
// and state become bytes.
//
// A tensor's *stored form* is the run of bytes that it becomes in a data file: of octet's own set
// the codes and then its state tensors. Where it begins is a pure function of the plan; what lies
// where in it is the encoder's business. Whoever quantizes gives the encoder tiles and takes bytes,
// to write them or to hold them against what is there: the encoder does no I/O and knows no thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "formats/safetensors/header.hpp"
#include "octet/dtype.hpp"
#include "octet/report.hpp"
#include "octet/scheme.hpp"
#include "quant/block_codec.hpp"
#include "quant/storage_layout.hpp"

namespace octet::formats {

/// Takes bytes of a stored form.
class ByteSink {
  public:
    ByteSink() = default;
    ByteSink(const ByteSink&) = delete;
    ByteSink& operator=(const ByteSink&) = delete;

    /// `bytes` belong at `at` of the stored form; they are gone afterwards.
    virtual void put(std::uint64_t at, std::span<const std::byte> bytes) = 0;

  protected:
    ~ByteSink() = default;
};

/// From the tiles of one tensor to the bytes of its stored form. Immutable: any number of threads
/// may use one.
class TensorEncoder {
  public:
    virtual ~TensorEncoder() = default;

    /// Bytes of the stored form.
    virtual std::uint64_t byte_count() const noexcept = 0;

    /// Bytes of all codes, which stand before any state.
    virtual std::uint64_t codes_byte_count() const noexcept = 0;

    /// True where codes are stored as they are made, a byte each.
    virtual bool stores_bytes() const noexcept = 0;

    /// Where the codes of a tile begin, and how many bytes they take; of tiles with whole rows, or
    /// one row.
    virtual std::uint64_t code_offset(const quant::TilePlace& place) const noexcept = 0;
    virtual std::uint64_t code_bytes(const quant::TilePlace& place) const noexcept = 0;

    /// Packs the codes of such a tile, one byte each, into code_bytes(); `packed` may be `codes`.
    virtual void encode_codes(const quant::TilePlace& place, const std::uint8_t* codes,
                              std::uint8_t* packed) const = 0;

    /// Puts the states of the blocks of a tile, or of several tiles that share them. `scratch` has
    /// room for 4 bytes a block.
    virtual void encode_states(const quant::TilePlace& place, const quant::Blocks& blocks,
                               std::byte* scratch, ByteSink& sink) const = 0;
};

/// One data file of an output.
struct DataFile {
    std::string name;  ///< base name
    safetensors::Metadata metadata;
};

/// The name under which a part of a tensor stands in a header.
using NameOfPart = std::function<std::string(std::string_view tensor, std::string_view part)>;

/// A way to store a checkpoint in safetensors files. Pure: nothing here reads or writes a file
/// (that is writers/writer.hpp).
class Format {
  public:
    virtual ~Format() = default;

    /// The encoder of a tensor that is quantized in that way; the scheme's axis is resolved.
    virtual std::unique_ptr<TensorEncoder> encoder_of(const Scheme& scheme,
                                                      const Shape& shape) const = 0;

    /// What a tensor becomes under `scheme`, nothing: as it is kept. The parts lie one behind the
    /// other; together they are the stored form.
    virtual std::vector<quant::StoredPart> parts_of(const TensorReport& tensor,
                                                    const std::optional<Scheme>& scheme) const = 0;

    /// Names of the parts of these tensors, from a tensor's name and StoredPart::suffix. Holds no
    /// view of `tensors`.
    virtual NameOfPart part_names(const std::vector<TensorReport>& tensors) const = 0;

    /// The data files; file i holds what shard i of the checkpoint holds.
    virtual std::vector<DataFile> data_files(const checkpoint::Checkpoint& checkpoint) const = 0;
};

}  // namespace octet::formats
