// F64 and whole numbers of 8 to 64 bits: rounded to the nearest float.
#include "quant/ggml/loads.hpp"
#include "quant/ggml/type_rows.hpp"

namespace octet::ggml {

namespace {

template <typename T>
void decode_numbers(const std::byte* bytes, std::uint64_t count, float* values) {
    for (std::uint64_t i = 0; i < count; ++i)
        values[i] = static_cast<float>(load<T>(bytes + i * sizeof(T)));
}

}  // namespace

void decode_f64(const std::byte* bytes, std::uint64_t blocks, float* values) {
    decode_numbers<double>(bytes, blocks, values);
}

void decode_i8(const std::byte* bytes, std::uint64_t blocks, float* values) {
    decode_numbers<std::int8_t>(bytes, blocks, values);
}

void decode_i16(const std::byte* bytes, std::uint64_t blocks, float* values) {
    decode_numbers<std::int16_t>(bytes, blocks, values);
}

void decode_i32(const std::byte* bytes, std::uint64_t blocks, float* values) {
    decode_numbers<std::int32_t>(bytes, blocks, values);
}

void decode_i64(const std::byte* bytes, std::uint64_t blocks, float* values) {
    decode_numbers<std::int64_t>(bytes, blocks, values);
}

}  // namespace octet::ggml
