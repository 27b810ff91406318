// Numbers of any width are widened to the largest of their kind; arrays are walked where they lie,
// in the file.
#include "formats/gguf/read_values.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/text.hpp"
#include "formats/gguf/byte_cursor.hpp"

namespace octet::gguf {
namespace {

/// Of an array and of a text so much is shown.
constexpr std::uint64_t kMostShownElements = 16;
constexpr std::size_t kMostShownBytes = 4096;

template <typename T>
T as(std::uint64_t bits) noexcept {
    T value;
    std::memcpy(&value, &bits, sizeof(T));
    return value;
}

/// The integer, sign and all; nothing for other types.
std::optional<std::int64_t> integer_of(ValueType type, std::uint64_t bits) noexcept {
    switch (type) {
        case ValueType::kI8:
            return as<std::int8_t>(bits);
        case ValueType::kI16:
            return as<std::int16_t>(bits);
        case ValueType::kI32:
            return as<std::int32_t>(bits);
        case ValueType::kI64:
            return as<std::int64_t>(bits);
        case ValueType::kU8:
        case ValueType::kU16:
        case ValueType::kU32:
            return static_cast<std::int64_t>(bits);
        default:
            return std::nullopt;
    }
}

std::optional<double> number_of(ValueType type, std::uint64_t bits) noexcept {
    if (type == ValueType::kF32) return static_cast<double>(as<float>(bits));
    if (type == ValueType::kF64) return as<double>(bits);
    if (type == ValueType::kU64) return static_cast<double>(bits);
    const std::optional<std::int64_t> integer = integer_of(type, bits);
    return integer ? std::optional(static_cast<double>(*integer)) : std::nullopt;
}

std::uint64_t read_bits(ByteCursor& cursor, ValueType type) {
    switch (type) {
        case ValueType::kU8:
        case ValueType::kI8:
        case ValueType::kBool:
            return cursor.number<std::uint8_t>();
        case ValueType::kU16:
        case ValueType::kI16:
            return cursor.number<std::uint16_t>();
        case ValueType::kU32:
        case ValueType::kI32:
        case ValueType::kF32:
            return cursor.number<std::uint32_t>();
        default:
            return cursor.number<std::uint64_t>();
    }
}

std::string shown_number(ValueType type, std::uint64_t bits) {
    if (type == ValueType::kBool) return bits != 0 ? "true" : "false";
    if (type == ValueType::kF32) return fmt::format("{}", as<float>(bits));
    if (type == ValueType::kF64) return fmt::format("{}", as<double>(bits));
    if (type == ValueType::kU64) return fmt::format("{}", bits);
    return fmt::format("{}", integer_of(type, bits).value_or(0));
}

/// Valid UTF-8 without half a character at its end.
std::string shortened(std::string text) {
    if (text.size() > kMostShownBytes) {
        const std::size_t more = text.size() - kMostShownBytes;
        std::size_t end = kMostShownBytes;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
        text = text.substr(0, end) +
               fmt::format("... and {} more bytes", with_commas(more + kMostShownBytes - end));
    }
    return is_utf8(text) ? text : printable(text);
}

std::string shown_array(ByteCursor& cursor, ValueType type, std::uint64_t count) {
    std::string text = "[";
    const std::uint64_t shown = std::min(count, kMostShownElements);
    for (std::uint64_t i = 0; i < shown; ++i) {
        if (i > 0) text += ", ";
        if (type == ValueType::kString) {
            text += '"' + printable(shortened(cursor.string())) + '"';
        } else if (type == ValueType::kArray) {
            const auto element = static_cast<ValueType>(cursor.number<std::uint32_t>());
            const auto elements = cursor.number<std::uint64_t>();
            text += shown_array(cursor, element, elements);
            if (elements > kMostShownElements)
                return text + ", ...]";  // where the next one begins was not walked to
        } else {
            text += shown_number(type, read_bits(cursor, type));
        }
    }
    if (count > shown) text += fmt::format(", ... {} in all", with_commas(count));
    return text + "]";
}

ReadAt reading(const io::File& file) {
    return
        [&file](std::span<std::byte> bytes, std::uint64_t offset) { file.read_at(bytes, offset); };
}

}  // namespace

const ReadKey* find_key(const std::vector<ReadKey>& keys, std::string_view name) noexcept {
    const auto found = std::find_if(keys.begin(), keys.end(),
                                    [&](const ReadKey& key) { return key.name == name; });
    return found == keys.end() ? nullptr : &*found;
}

std::optional<std::uint64_t> whole_number(const ReadKey* key) noexcept {
    if (key == nullptr) return std::nullopt;
    if (key->type == ValueType::kU64) return key->bits;
    const std::optional<std::int64_t> integer = integer_of(key->type, key->bits);
    return integer && *integer >= 0 ? std::optional(static_cast<std::uint64_t>(*integer))
                                    : std::nullopt;
}

std::optional<double> number_of(const ReadKey* key) noexcept {
    return key == nullptr ? std::nullopt : number_of(key->type, key->bits);
}

std::optional<bool> flag_of(const ReadKey* key) noexcept {
    return key == nullptr || key->type != ValueType::kBool ? std::nullopt
                                                           : std::optional(key->bits != 0);
}

std::string_view text_of(const ReadKey* key) noexcept {
    return key == nullptr ? std::string_view() : std::string_view(key->text);
}

bool for_each_text(const io::File& file, const ReadKey& key,
                   const std::function<void(std::string&& text)>& take) {
    if (key.type != ValueType::kArray || key.element != ValueType::kString) return false;
    const ReadAt read_at = reading(file);
    ByteCursor cursor(read_at, file.size(), file.name(), key.offset);
    for (std::uint64_t i = 0; i < key.count; ++i) take(cursor.string());
    return true;
}

std::optional<std::vector<double>> numbers_of(const io::File& file, const ReadKey& key,
                                              std::uint64_t most) {
    const bool is_number = number_of(key.element, 0).has_value();
    if (key.type != ValueType::kArray || !is_number) return std::nullopt;
    const ReadAt read_at = reading(file);
    ByteCursor cursor(read_at, file.size(), file.name(), key.offset);
    std::vector<double> numbers;
    for (std::uint64_t i = 0; i < std::min(key.count, most); ++i)
        numbers.push_back(*number_of(key.element, read_bits(cursor, key.element)));
    return numbers;
}

std::string shown_value(const io::File& file, const ReadKey& key) {
    if (key.type == ValueType::kString) return shortened(key.text);
    if (key.type != ValueType::kArray) return shown_number(key.type, key.bits);
    const ReadAt read_at = reading(file);
    ByteCursor cursor(read_at, file.size(), file.name(), key.offset);
    return shown_array(cursor, key.element, key.count);
}

}  // namespace octet::gguf
