// A method of quantizing, as reading needs it: which stored tensors make up a weight, and how any
// run of that weight's elements becomes float32. One file a method; methods.cpp lists them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/came_quantized/declared.hpp"
#include "formats/came_quantized/stored.hpp"
#include "octet/dtype.hpp"

namespace octet::came_quantized {

/// A weight as a plain checkpoint has it: "M.weight" [out, in], fused experts as they are.
struct Weight {
    std::string name;
    Shape shape;
    Dtype dtype =
        Dtype::kF32;   ///< F32, F16 or BF16: what it is restored to when nobody asks for another
    std::string type;  ///< for reports, in lower case: "fp8-block128x128"
    std::vector<std::uint32_t>
        parts;  ///< stored tensors, the codes first, then as the method orders them
    std::vector<std::uint32_t> dropped =
        {};                                  ///< stored tensors that mean nothing without the codes
    std::array<std::uint64_t, 4> numbers{};  ///< as the method uses them
};

/// Restores one weight. Reads through Stored, which outlives it; safe from several threads.
class Decoder {
  public:
    Decoder() = default;
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;
    virtual ~Decoder() = default;

    /// Elements [first, first + values.size()), in C order of the weight's shape; `scratch` has 8
    /// bytes for each. State that is broken (an index out of range): kBadInput by name. kIo.
    virtual void read(std::uint64_t first, std::span<float> values,
                      std::span<std::byte> scratch) const = 0;

    /// How many elements are best read at once, from a multiple of it on: more than 1 of what lies
    /// transposed.
    virtual std::uint64_t good_run() const { return 1; }
};

struct Method {
    std::string_view name;  ///< "fp8"; what config.json declares stands before it in reports

    /// The weight whose codes that stored tensor is, or nothing where it is not codes of this
    /// method. Codes of it whose state is missing or of another size: kBadInput by name.
    std::optional<Weight> (*claim)(const Stored& stored, const Declared& declared,
                                   std::uint32_t codes);

    /// What restores a weight that claim() gave.
    std::unique_ptr<Decoder> (*make)(const Stored& stored, const Weight& weight);
};

/// Every method, in the order in which they are asked.
std::span<const Method> methods();

/// "M" of "M.weight"; with the dot behind it, or empty where there is no module.
std::string prefix_of(std::string_view name);

/// The dtype that a weight had: what config.json says, else that of its scale where that is F16 or
/// BF16, else F32.
Dtype dtype_of(const Declared& declared, Dtype scale) noexcept;

/// Element count of a shape that a header names, which was checked there.
std::uint64_t count_of(const Shape& shape) noexcept;

/// The first of those names that is stored.
std::optional<std::uint32_t> first_of(const Stored& stored, std::span<const std::string> names);

/// The tensor of that name that the weight of these codes cannot do without. Not there: kBadInput
/// by name.
std::uint32_t needed(const Stored& stored, std::uint32_t codes, const std::string& name);

/// Inputs that share a scale where a row of `columns` has `groups` of them: a declared size that
/// fits, else equal parts. 0: none fits.
std::uint64_t group_size_of(const Declared& declared, std::uint64_t columns,
                            std::uint64_t groups) noexcept;

/// kBadInput: tensor `part` has a shape that does not fit the weight of those codes.
[[noreturn]] void refuse_shape(const Stored& stored, std::uint32_t part, std::uint32_t codes);

/// kBadInput where that part is not of such a dtype.
void check_floats(const Stored& stored, std::uint32_t part);
void check_integers(const Stored& stored, std::uint32_t part);

/// Codes [first, first + codes.size()) of a little-endian bit string that begins at that byte of
/// the tensor. `bits` <= 8. kIo.
void read_bit_string(const Stored& stored, std::uint32_t tensor, std::uint64_t base,
                     std::uint64_t first, std::uint64_t bits, std::span<std::uint8_t> codes);

// --- the methods; each in a file of its own ---
std::optional<Weight> claim_fp8(const Stored& stored, const Declared& declared,
                                std::uint32_t codes);
std::unique_ptr<Decoder> make_fp8(const Stored& stored, const Weight& weight);
std::optional<Weight> claim_integers(const Stored& stored, const Declared& declared,
                                     std::uint32_t codes);
std::unique_ptr<Decoder> make_integers(const Stored& stored, const Weight& weight);
std::optional<Weight> claim_packed(const Stored& stored, const Declared& declared,
                                   std::uint32_t codes);
std::unique_ptr<Decoder> make_packed(const Stored& stored, const Weight& weight);
std::optional<Weight> claim_fp4(const Stored& stored, const Declared& declared,
                                std::uint32_t codes);
std::unique_ptr<Decoder> make_fp4(const Stored& stored, const Weight& weight);
std::optional<Weight> claim_gptq(const Stored& stored, const Declared& declared,
                                 std::uint32_t codes);
std::unique_ptr<Decoder> make_gptq(const Stored& stored, const Weight& weight);
std::optional<Weight> claim_awq(const Stored& stored, const Declared& declared,
                                std::uint32_t codes);
std::unique_ptr<Decoder> make_awq(const Stored& stored, const Weight& weight);
std::optional<Weight> claim_row_int8(const Stored& stored, const Declared& declared,
                                     std::uint32_t codes);
std::unique_ptr<Decoder> make_row_int8(const Stored& stored, const Weight& weight);
std::optional<Weight> claim_nibbles(const Stored& stored, const Declared& declared,
                                    std::uint32_t codes);
std::unique_ptr<Decoder> make_nibbles(const Stored& stored, const Weight& weight);
std::optional<Weight> claim_mlx(const Stored& stored, const Declared& declared,
                                std::uint32_t codes);
std::unique_ptr<Decoder> make_mlx(const Stored& stored, const Weight& weight);
std::optional<Weight> claim_quanto(const Stored& stored, const Declared& declared,
                                   std::uint32_t codes);
std::unique_ptr<Decoder> make_quanto(const Stored& stored, const Weight& weight);

}  // namespace octet::came_quantized
