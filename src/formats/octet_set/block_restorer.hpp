// Reads values back from the codes and the state tensors of a tensor that was quantized in blocks:
// any run of elements, whatever lies around it. Reading is safe from several threads at once; the
// file outlives the reader.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "formats/float_source.hpp"
#include "io/file.hpp"
#include "quant/block_state.hpp"
#include "quant/storage_layout.hpp"

namespace octet::octet_set {

class BlockRestorer {
  public:
    /// `offset`: of the codes, behind which the state tensors lie. `state`: of a whole tensor, from
    /// the sidecar; else not looked at.
    BlockRestorer(const io::File& file, std::uint64_t offset, const Scheme& scheme,
                  const Shape& shape, quant::BlockState state);

    /// True where code i is byte i of the codes and all share one state: then restore() does
    /// without read().
    bool has_plain_codes() const noexcept {
        return scheme_.bits == 8 && !quant::has_state_tensors(scheme_);
    }

    /// What plain codes stand for.
    void restore(std::span<const std::byte> codes, float* values) const;

    /// Restores elements [first, first + values.size()). `scratch` holds as many bytes and 16 more.
    /// kIo.
    void read(std::uint64_t first, std::span<float> values, std::span<std::byte> scratch) const;

    /// The same elements as codes, each with the state of its block.
    void read_codes(std::uint64_t first, std::span<formats::CodedElement> codes,
                    std::span<std::byte> scratch) const;

    /// Reads the codes of elements [first, first + codes.size()), a byte each, with their signs.
    /// `scratch` as for read(). kIo.
    void read_codes(std::uint64_t first, std::span<std::uint8_t> codes,
                    std::span<std::byte> scratch) const;

    /// Reads scales and zero points of as many blocks from number `first` on, widened to float32:
    /// those of symmetric codes are 0. The tensor has state tensors. kIo.
    void read_states(std::uint64_t first, std::span<float> scale,
                     std::span<float> zero_point) const;

  private:
    struct States {
        std::uint64_t first = 0;  ///< number of the first block
        std::vector<float> scale;
        std::vector<float> zero_point;
    };

    std::uint64_t block_of(std::uint64_t element) const noexcept;
    std::uint64_t byte_of(std::uint64_t element) const noexcept;
    States read_states(std::uint64_t first, std::uint64_t last) const;
    std::vector<float> read_floats(const quant::StoredPart& part, std::uint64_t offset,
                                   std::uint64_t first, std::uint64_t count) const;
    std::vector<float> read_packed(std::uint64_t offset, unsigned bits, bool is_signed,
                                   std::uint64_t first, std::uint64_t count) const;
    States read_two_levels(std::uint64_t first, std::uint64_t last) const;

    /// Calls `visit(done, codes, count, loop)` for each part of a run, with the number of elements
    /// before it.
    template <typename Visit>
    void visit_run(std::uint64_t first, std::uint64_t size, std::span<std::byte> scratch,
                   Visit&& visit) const;
    template <typename Element, typename Read>
    void cut_run(std::uint64_t first, std::span<Element> elements, Read&& read) const;
    void read_run(std::uint64_t first, std::span<float> values, std::span<std::byte> scratch) const;

    const io::File* file_;
    Scheme scheme_;
    quant::BlockState state_;
    quant::Matrix matrix_;
    quant::BlockGrid grid_;
    std::vector<quant::StoredPart> parts_;
    std::vector<std::uint64_t> offsets_;  ///< of the parts
};

}  // namespace octet::octet_set
