// Little-endian numbers and strings with their length, appended to one text.
#include "formats/gguf/header_writer.hpp"

#include <bit>
#include <type_traits>

namespace octet::gguf {
namespace {

template <typename Number>
void add_number(std::string& out, Number number) {
    using Bits =
        std::conditional_t<sizeof(Number) == 8, std::uint64_t,
                           std::conditional_t<sizeof(Number) == 4, std::uint32_t, std::uint16_t>>;
    const auto bits = std::bit_cast<Bits>(number);
    for (unsigned i = 0; i < sizeof(Number); ++i) out += static_cast<char>(bits >> 8U * i & 0xFFU);
}

void add_string(std::string& out, std::string_view text) {
    add_number<std::uint64_t>(out, text.size());
    out += text;
}

void add_type(std::string& out, ValueType type) {
    add_number(out, static_cast<std::uint32_t>(type));
}

/// A value's type and bytes, by what it is in C++.
class ValueWriter {
  public:
    explicit ValueWriter(std::string& out) : out_(out) {}

    void operator()(std::uint16_t value) { scalar(ValueType::kU16, value); }
    void operator()(std::uint32_t value) { scalar(ValueType::kU32, value); }
    void operator()(std::int32_t value) { scalar(ValueType::kI32, value); }
    void operator()(float value) { scalar(ValueType::kF32, value); }
    void operator()(std::uint64_t value) { scalar(ValueType::kU64, value); }
    void operator()(double value) { scalar(ValueType::kF64, value); }

    void operator()(bool value) {
        add_type(out_, ValueType::kBool);
        out_ += static_cast<char>(value ? 1 : 0);
    }

    void operator()(const std::string& value) {
        add_type(out_, ValueType::kString);
        add_string(out_, value);
    }

    void operator()(const std::vector<std::uint8_t>& values) {
        begin_array(ValueType::kU8, values.size());
        out_.append(values.begin(), values.end());
    }

    void operator()(const std::vector<std::int32_t>& values) { numbers(ValueType::kI32, values); }
    void operator()(const std::vector<float>& values) { numbers(ValueType::kF32, values); }
    void operator()(const std::vector<double>& values) { numbers(ValueType::kF64, values); }

    void operator()(const std::vector<std::string>& values) {
        begin_array(ValueType::kString, values.size());
        for (const std::string& value : values) add_string(out_, value);
    }

  private:
    template <typename Number>
    void scalar(ValueType type, Number value) {
        add_type(out_, type);
        add_number(out_, value);
    }

    void begin_array(ValueType type, std::uint64_t count) {
        add_type(out_, ValueType::kArray);
        add_type(out_, type);
        add_number(out_, count);
    }

    template <typename Number>
    void numbers(ValueType type, const std::vector<Number>& values) {
        begin_array(type, values.size());
        for (const Number value : values) add_number(out_, value);
    }

    std::string& out_;
};

}  // namespace

HeaderText header_text(const Keys& keys, const std::vector<TensorInfo>& tensors) {
    HeaderText text;
    std::string& out = text.bytes;
    out = kMagic;
    add_number(out, kVersion);
    add_number<std::uint64_t>(out, tensors.size());
    add_number<std::uint64_t>(out, keys.size());
    for (const Key& key : keys) {
        add_string(out, key.name);
        std::visit(ValueWriter(out), key.value);
    }
    text.keys_end = out.size();
    for (const TensorInfo& tensor : tensors) {
        add_string(out, tensor.name);
        add_number(out, static_cast<std::uint32_t>(tensor.shape.size()));
        for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size)
            add_number(out, *size);
        add_number(out, tensor.type);
        add_number(out, tensor.offset);
    }
    out.resize(aligned(out.size()));
    return text;
}

}  // namespace octet::gguf
