// A plain checkpoint or a set, opened to read its tensors as floating-point numbers: a set's codes are restored as they
// are read. Owns the open files; reading is safe from several threads at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/kind.hpp"
#include "formats/octet_set/block_restorer.hpp"
#include "formats/octet_set/quantized_set.hpp"
#include "octet/report.hpp"

namespace octet::formats {

/// The tensors of a plain checkpoint as reports show them, in file order, kinds not yet assigned.
std::vector<TensorReport> tensors_of(const checkpoint::Checkpoint& checkpoint);

class FloatSource {
  public:
    /// Opens and checks what lies at `path`. kBadInput, kIo.
    explicit FloatSource(const std::filesystem::path& path, io::Links links = io::Links::kOwn);
    FloatSource(FloatSource&&) = default;  // names and files stay where they are

    bool is_set() const noexcept { return is_set_; }

    /// In file order: dtype and shape of the source, kind, scheme and state; `output_bytes` as stored, with the state.
    const std::vector<TensorReport>& tensors() const noexcept { return tensors_; }

    /// The place of a tensor in tensors().
    std::optional<std::size_t> find(std::string_view name) const;

    /// Bytes of the data files, headers included.
    std::uint64_t file_bytes() const noexcept { return file_bytes_; }

    /// The footprint as a framework counts it.
    std::uint64_t framework_bytes() const noexcept { return framework_bytes_; }

    /// Bytes of `scratch` that read() needs for each element.
    static constexpr std::size_t kScratchBytes = 8;

    /// Reads elements [first, first + values.size()) of a float tensor, converted to the nearest; float64 keeps F64 as
    /// it is, and what was restored from codes is float32 in either. kIo.
    void read(std::size_t tensor, std::uint64_t first, std::span<float> values, std::span<std::byte> scratch) const;
    void read(std::size_t tensor, std::uint64_t first, std::span<double> values, std::span<std::byte> scratch) const;

    /// Bytes of a tensor that is stored as it is.
    std::uint64_t byte_count(std::size_t tensor) const { return places_[tensor].byte_count; }

    /// Reads bytes [first, first + bytes.size()) of such a tensor. kIo.
    void read_bytes(std::size_t tensor, std::uint64_t first, std::span<std::byte> bytes) const;

  private:
    struct Place {
        const io::File* file = nullptr;
        std::uint64_t offset = 0;
        std::uint64_t byte_count = 0;
    };

    void open_set(const std::filesystem::path& path, io::Links links);
    void open_checkpoint(const std::filesystem::path& path, io::Links links);
    octet_set::BlockRestorer reader_of(std::size_t tensor) const;
    static void read_blocks(const octet_set::BlockRestorer& reader, Dtype target, std::uint64_t first,
                            std::uint64_t count, std::span<std::byte> values, std::span<std::byte> scratch);
    void read_as(Dtype target, std::size_t tensor, std::uint64_t first, std::uint64_t count,
                 std::span<std::byte> values, std::span<std::byte> scratch) const;

    bool is_set_;
    std::vector<io::File> files_;
    std::vector<TensorReport> tensors_;
    std::vector<Place> places_;  ///< parallel to tensors_
    std::unordered_map<std::string_view, std::size_t> by_name_;
    std::uint64_t file_bytes_ = 0;
    checkpoint::Counted counted_ = checkpoint::Counted::kSource;
    std::uint64_t framework_bytes_ = 0;
};

}  // namespace octet::formats
