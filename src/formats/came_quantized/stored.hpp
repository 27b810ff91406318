// The tensors of a checkpoint as they are stored, for the decoders of methods of quantizing: found
// by name, read by bytes, and tensors of state read an element at a time through a small window, so
// that nothing of a large model is held. Reading is safe from several threads; a window is one
// thread's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "io/file.hpp"

namespace octet::came_quantized {

class Stored {
  public:
    /// Takes the tensors; the files stay with `files`, which outlives it or is replaced by
    /// rebind().
    Stored(std::vector<checkpoint::Tensor>&& tensors, const std::vector<io::File>& files);

    /// The files lie there now.
    void rebind(const std::vector<io::File>& files) noexcept { files_ = &files; }

    /// Gives the tensors back.
    std::vector<checkpoint::Tensor> release() noexcept { return std::move(tensors_); }

    /// Names are not looked for any more.
    void forget_names() noexcept { by_name_ = {}; }

    std::size_t size() const noexcept { return tensors_.size(); }
    const checkpoint::Tensor& operator[](std::uint32_t tensor) const { return tensors_[tensor]; }
    std::optional<std::uint32_t> find(std::string_view name) const;

    /// True where some tensor's name ends in "scale", "scale_inv" or "scale_weight".
    bool names_scales() const noexcept { return names_scales_; }

    /// Bytes [first, first + bytes.size()) of a tensor. kIo.
    void read(std::uint32_t tensor, std::uint64_t first, std::span<std::byte> bytes) const;

    /// kBadInput: "FILE: tensor 'NAME' WHAT".
    [[noreturn]] void refuse(std::uint32_t tensor, std::string_view what) const;

  private:
    std::vector<checkpoint::Tensor> tensors_;
    std::vector<std::uint32_t> by_name_;  ///< sorted
    const std::vector<io::File>* files_;
    bool names_scales_ = false;
};

/// Elements of a float tensor as float32: F32, F16, BF16, F64 (rounded), F8_E4M3, F8_E5M2, F8_E8M0,
/// and U8 as F8_E8M0.
class FloatWindow {
  public:
    FloatWindow(const Stored& stored, std::uint32_t tensor) : stored_(stored), tensor_(tensor) {}

    float at(std::uint64_t element) {
        if (element - begin_ >= count_) load(element);
        return values_[element - begin_];
    }

    static bool reads(Dtype dtype) noexcept;

  private:
    static constexpr std::uint64_t kElements = 256;
    void load(std::uint64_t element);

    const Stored& stored_;
    std::uint32_t tensor_;
    std::uint64_t begin_ = 0;
    std::uint64_t count_ = 0;
    std::array<float, kElements> values_;
};

/// Elements of a tensor of integers of at most 64 bits; U64 beyond the range of I64 wraps.
class IntegerWindow {
  public:
    IntegerWindow(const Stored& stored, std::uint32_t tensor) : stored_(stored), tensor_(tensor) {}

    std::int64_t at(std::uint64_t element) {
        if (element - begin_ >= count_) load(element);
        return values_[element - begin_];
    }

    static bool reads(Dtype dtype) noexcept;

  private:
    static constexpr std::uint64_t kElements = 256;
    void load(std::uint64_t element);

    const Stored& stored_;
    std::uint32_t tensor_;
    std::uint64_t begin_ = 0;
    std::uint64_t count_ = 0;
    std::array<std::int64_t, kElements> values_;
};

}  // namespace octet::came_quantized
