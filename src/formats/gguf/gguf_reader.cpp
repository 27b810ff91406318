// Counts, then keys, then infos, each read through a byte_cursor and checked as it comes; at the
// end the tensors are held against each other and against the file.
#include "formats/gguf/gguf_reader.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <unordered_set>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "formats/gguf/byte_cursor.hpp"
#include "octet/error.hpp"

namespace octet::gguf {
namespace {

/// Bytes of a number or a flag; 0 of strings, arrays and what is no type.
std::uint64_t bytes_of(std::uint32_t type) noexcept {
    static constexpr std::array<std::uint8_t, 13> kBytes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return type < kBytes.size() ? kBytes[type] : 0;
}

ValueType read_type(ByteCursor& cursor) {
    const auto type = cursor.number<std::uint32_t>();
    if (type > static_cast<std::uint32_t>(ValueType::kF64))
        cursor.fail(
            fmt::format("{} is no type of a value; the file is damaged: fetch it again", type));
    return static_cast<ValueType>(type);
}

/// Goes behind `count` elements of an array. Each takes a byte at least, so this takes time in
/// proportion to the file.
void skip_elements(ByteCursor& cursor, ValueType type, std::uint64_t count, int depth) {
    if (depth > kMostDepth) cursor.fail(fmt::format("arrays are more than {} deep", kMostDepth));
    const std::uint64_t each = bytes_of(static_cast<std::uint32_t>(type));
    if (each > 0) {
        const auto bytes = checked_multiply(count, each);
        if (!bytes) cursor.fail_short(std::numeric_limits<std::uint64_t>::max());
        return cursor.skip(*bytes);
    }
    for (std::uint64_t i = 0; i < count; ++i) {
        if (type == ValueType::kString) {
            cursor.skip_string();
            continue;
        }
        const ValueType element = read_type(cursor);
        const auto elements = cursor.number<std::uint64_t>();
        skip_elements(cursor, element, elements, depth + 1);
    }
}

std::uint64_t read_bits(ByteCursor& cursor, ValueType type) {
    switch (bytes_of(static_cast<std::uint32_t>(type))) {
        case 1:
            return cursor.number<std::uint8_t>();
        case 2:
            return cursor.number<std::uint16_t>();
        case 4:
            return cursor.number<std::uint32_t>();
        default:
            return cursor.number<std::uint64_t>();
    }
}

ReadKey read_key(ByteCursor& cursor, std::string& part) {
    ReadKey key;
    key.name = cursor.string();
    if (!is_utf8(key.name)) cursor.fail("a name that is no UTF-8");
    part = "key " + in_quotes(key.name);
    cursor.enter(part);
    key.type = read_type(cursor);
    if (key.type == ValueType::kString) {
        key.text = cursor.string();
        key.offset = cursor.at() - key.text.size();
    } else if (key.type == ValueType::kArray) {
        key.element = read_type(cursor);
        key.count = cursor.number<std::uint64_t>();
        key.offset = cursor.at();
        skip_elements(cursor, key.element, key.count, 1);
    } else {
        key.bits = read_bits(cursor, key.type);
    }
    return key;
}

/// What stands where this version has its number.
[[noreturn]] void fail_version(const ByteCursor& cursor, std::uint32_t version) {
    if ((version & 0xFFFFU) == 0 && version != 0)
        cursor.fail(
            "the version of a big-endian file; octet reads little-endian ones: convert it with "
            "gguf_convert_endian.py of llama.cpp");
    cursor.fail(fmt::format("version {}; octet reads versions 2 and 3: {}", version,
                            version == 1 ? "convert the model again with a current llama.cpp"
                                         : "the file is damaged, or of a newer format"));
}

/// "blk.0.attn_q.weight" for messages.
std::string named(std::string_view name) {
    return "tensor " + in_quotes(name);
}

std::uint64_t elements_of(const ByteCursor& cursor, const Shape& shape) {
    const auto elements = element_count(shape);
    if (!elements) cursor.fail(fmt::format("shape {} overflows 64 bits", shape_text(shape)));
    return *elements;
}

ReadTensor read_tensor(ByteCursor& cursor, std::string& part) {
    ReadTensor tensor;
    tensor.name = cursor.string();
    if (!is_utf8(tensor.name)) cursor.fail("a name that is no UTF-8");
    part = named(tensor.name);
    cursor.enter(part);
    const auto dimensions = cursor.number<std::uint32_t>();
    if (dimensions > kMostReadDimensions)
        cursor.fail(fmt::format("{} dimensions, more than {}", dimensions, kMostReadDimensions));
    for (std::uint32_t i = 0; i < dimensions; ++i)
        tensor.shape.push_back(cursor.number<std::uint64_t>());
    std::reverse(tensor.shape.begin(), tensor.shape.end());
    const auto type = cursor.number<std::uint32_t>();
    const ggml::TypeTraits* const traits = ggml::find_type(type);
    if (traits == nullptr)
        cursor.fail(fmt::format(
            "type {}, which octet does not read; convert it to another with llama-quantize", type));
    tensor.type = traits->type;
    const std::uint64_t elements = elements_of(cursor, tensor.shape);
    const std::uint64_t row = tensor.shape.empty() ? 1 : tensor.shape.back();
    if (row % traits->block_elements != 0)
        cursor.fail(fmt::format("rows of {} values, which are no whole blocks of {} as {} has them",
                                row, traits->block_elements, traits->name));
    const auto bytes = checked_multiply(elements / traits->block_elements, traits->block_bytes);
    if (!bytes) cursor.fail(fmt::format("shape {} overflows 64 bits", shape_text(tensor.shape)));
    tensor.byte_count = *bytes;
    tensor.offset = cursor.number<std::uint64_t>();
    return tensor;
}

/// Where data are aligned to, as `general.alignment` says.
std::uint64_t alignment_of(const ByteCursor& cursor, const std::vector<ReadKey>& keys) {
    for (const ReadKey& key : keys) {
        if (key.name != "general.alignment") continue;
        if (key.type != ValueType::kU32 || !std::has_single_bit(key.bits))
            cursor.fail("\"general.alignment\" that is no power of two as a 32-bit number");
        return key.bits;
    }
    return kAlignment;
}

[[noreturn]] void refuse(std::string_view file_name, const ReadTensor& tensor,
                         const std::string& what) {
    throw Error(ErrorCode::kBadInput, printable(file_name), named(tensor.name) + " " + what);
}

/// Makes offsets absolute, and holds them against each other and the end of the file.
void place_tensors(Header& header, std::uint64_t file_size, std::string_view file_name) {
    for (ReadTensor& tensor : header.tensors) {
        if (tensor.offset % header.alignment != 0)
            refuse(file_name, tensor,
                   fmt::format("begins at {} of the data, which is no multiple of {}; the file is "
                               "damaged: fetch it "
                               "again",
                               with_commas(tensor.offset), header.alignment));
        const auto begin = checked_add(header.data_start, tensor.offset);
        const auto end = begin ? checked_add(*begin, tensor.byte_count) : std::nullopt;
        if (!end || (*end > file_size && tensor.byte_count > 0))
            refuse(
                file_name, tensor,
                end ? fmt::format("ends at byte {}, and the file at {}; it was cut: fetch it again",
                                  with_commas(*end), with_commas(file_size))
                    : "lies beyond 64 bits; the file is damaged: fetch it again");
        tensor.offset = *begin;
    }
    std::stable_sort(header.tensors.begin(), header.tensors.end(),
                     [](const ReadTensor& a, const ReadTensor& b) { return a.offset < b.offset; });
    const ReadTensor* before = nullptr;
    for (const ReadTensor& tensor : header.tensors) {
        if (tensor.byte_count == 0) continue;
        if (before != nullptr && before->offset + before->byte_count > tensor.offset)
            refuse(file_name, tensor,
                   fmt::format("overlaps {}; the file is damaged", named(before->name)));
        before = &tensor;
    }
}

void read_keys(ByteCursor& cursor, std::uint64_t count, Header& header) {
    std::unordered_set<std::string> names;
    std::string part;
    for (std::uint64_t i = 0; i < count; ++i) {
        part = fmt::format("key {} of {}", i + 1, count);
        cursor.enter(part);
        ReadKey key = read_key(cursor, part);
        if (!names.insert(key.name).second) cursor.fail("a second value");
        header.keys.push_back(std::move(key));
    }
}

void read_tensors(ByteCursor& cursor, std::uint64_t count, Header& header) {
    std::unordered_set<std::string> names;
    std::string part;
    for (std::uint64_t i = 0; i < count; ++i) {
        part = fmt::format("tensor {} of {}", i + 1, count);
        cursor.enter(part);
        ReadTensor tensor = read_tensor(cursor, part);
        if (!names.insert(tensor.name).second) cursor.fail("a second entry");
        tensor.number = static_cast<std::uint32_t>(i);
        header.tensors.push_back(std::move(tensor));
    }
}

}  // namespace

Header read_header(const ReadAt& read_at, std::uint64_t file_size, std::string_view file_name) {
    ByteCursor cursor(read_at, file_size, file_name);
    const auto magic = cursor.number<std::array<char, 4>>();
    if (std::string_view(magic.data(), magic.size()) != kMagic)
        throw Error(ErrorCode::kBadInput, printable(file_name),
                    "is no GGUF file: it does not begin with GGUF");
    Header header;
    header.version = cursor.number<std::uint32_t>();
    if (header.version != 2 && header.version != kVersion) fail_version(cursor, header.version);
    const auto tensors = cursor.number<std::uint64_t>();
    const auto keys = cursor.number<std::uint64_t>();
    read_keys(cursor, keys, header);
    cursor.enter("the keys");
    header.alignment = alignment_of(cursor, header.keys);
    read_tensors(cursor, tensors, header);
    header.data_start = divide_up(cursor.at(), header.alignment) * header.alignment;
    place_tensors(header, file_size, file_name);
    return header;
}

Header read_header(const io::File& file) {
    const ReadAt read_at = [&file](std::span<std::byte> bytes, std::uint64_t offset) {
        file.read_at(bytes, offset);
    };
    return read_header(read_at, file.size(), file.name());
}

}  // namespace octet::gguf
