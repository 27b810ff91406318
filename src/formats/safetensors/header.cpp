// The events of header_events make the entries; here they are held against each other and against
// the file: names once, lengths as dtype and shape say, offsets without gap or overlap, the last at
// the end of the file.
#include "formats/safetensors/header.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/json_text.hpp"
#include "base/text.hpp"
#include "formats/safetensors/foreign.hpp"
#include "formats/safetensors/header_events.hpp"
#include "octet/error.hpp"

namespace octet::safetensors {
namespace {

void refuse_duplicate_names(const ParsedHeader& parsed, std::string_view file_name) {
    const auto& tensors = parsed.header.tensors;  // still in header order
    std::vector<std::uint32_t> order(tensors.size());
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        const int compared = tensors[a].name.compare(tensors[b].name);
        return compared != 0 ? compared < 0 : a < b;
    });
    const auto same = [&](std::uint32_t a, std::uint32_t b) {
        return tensors[a].name == tensors[b].name;
    };
    const auto twice = std::adjacent_find(order.begin(), order.end(), same);
    if (twice == order.end()) return;
    throw_bad_header(
        file_name, fmt::format("tensor {} stands twice, again at byte {}",
                               in_quotes(tensors[*twice].name), parsed.key_offsets[*(twice + 1)]));
}

/// Shape against offsets, each offset against its neighbour, the last against the file's end.
void check_offsets(const Header& header, std::uint64_t file_size, std::string_view file_name) {
    std::uint64_t expected = 0;
    const std::uint64_t data_bytes = file_size - header.data_start;
    for (const TensorEntry& t : header.tensors) {
        const auto where = [&] { return fmt::format("tensor {}: ", in_quotes(t.name)); };
        if (t.end < t.begin) {
            throw_bad_header(file_name, fmt::format("{}data_offsets [{}, {}] run backwards",
                                                    where(), t.begin, t.end));
        }
        if (t.begin != expected) {
            throw_bad_header(
                file_name,
                fmt::format("{}data_offsets begin at {}, {} the data before, which end at {}",
                            where(), t.begin,
                            t.begin < expected ? "inside" : "leaving a gap behind", expected));
        }
        if (!element_count(t.shape) ||
            !checked_multiply(*element_count(t.shape), dtype_bits(t.dtype))) {
            throw_bad_header(file_name, fmt::format("{}the product of shape {} overflows 64 bits",
                                                    where(), shape_text(t.shape)));
        }
        const auto bytes = tensor_bytes(t.dtype, t.shape);
        if (!bytes) {
            throw_bad_header(file_name,
                             fmt::format("{}shape {} of {} does not fill whole bytes", where(),
                                         shape_text(t.shape), dtype_name(t.dtype)));
        }
        if (*bytes != t.end - t.begin) {
            throw_bad_header(
                file_name,
                fmt::format("{}shape {} of {} takes {} bytes, but data_offsets hold {}", where(),
                            shape_text(t.shape), dtype_name(t.dtype), *bytes, t.end - t.begin));
        }
        expected = t.end;
    }
    if (expected > data_bytes) {
        throw Error(ErrorCode::kBadInput, printable(file_name),
                    fmt::format("is cut off: the header announces {} bytes of data, the file has "
                                "{}; fetch it again",
                                with_commas(expected), with_commas(data_bytes)));
    }
    if (expected < data_bytes) {
        throw Error(
            ErrorCode::kBadInput, printable(file_name),
            fmt::format("has {} behind its last tensor; the file is broken or not safetensors",
                        counted(data_bytes - expected, "byte")));
    }
}

}  // namespace

Header parse_header(std::string_view json, std::uint64_t file_size, std::string_view file_name) {
    ParsedHeader parsed = parse_header_events(json, file_name);
    parsed.header.data_start = 8 + json.size();
    refuse_duplicate_names(parsed, file_name);
    auto& tensors = parsed.header.tensors;
    std::stable_sort(tensors.begin(), tensors.end(),
                     [](const TensorEntry& a, const TensorEntry& b) {
                         return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
                     });
    check_offsets(parsed.header, file_size, file_name);
    return std::move(parsed.header);
}

namespace {

Header read_strictly(const io::File& file) {
    if (file.size() < 8) {
        throw Error(ErrorCode::kBadInput, printable(file.name()),
                    fmt::format("has {} bytes, too few for the 8 of a header's length; the file is "
                                "cut off or not safetensors",
                                file.size()));
    }
    std::array<std::byte, 8> raw{};
    file.read_at(raw, 0);
    std::uint64_t length = 0;
    for (std::size_t i = 8; i-- > 0;) length = (length << 8U) | static_cast<std::uint64_t>(raw[i]);
    if (length > kMostHeaderBytes) {
        throw_bad_header(file.name(),
                         fmt::format("announces {} bytes, more than the {} that the format allows",
                                     with_commas(length), with_commas(kMostHeaderBytes)));
    }
    if (length > file.size() - 8) {
        throw Error(ErrorCode::kBadInput, printable(file.name()),
                    fmt::format("is cut off: the header announces {} bytes, the file has {} behind "
                                "its length; fetch it again",
                                with_commas(length), with_commas(file.size() - 8)));
    }
    std::string json(length, '\0');
    file.read_at(std::as_writable_bytes(std::span(json)), 8);
    return parse_header(json, file.size(), file.name());
}

}  // namespace

Header read_header(const io::File& file) {
    try {
        return read_strictly(file);
    } catch (const Error& error) {
        if (error.code() == ErrorCode::kBadInput) refuse_foreign(file);
        throw;
    }
}

bool has_octet_metadata(const Metadata& metadata) {
    return std::any_of(metadata.begin(), metadata.end(),
                       [](const auto& pair) { return pair.first.starts_with("octet."); });
}

namespace {

/// The first 8 bytes.
void put_length(std::string& text, std::uint64_t length) {
    for (std::size_t i = 0; i < 8; ++i) text[i] = static_cast<char>((length >> (8 * i)) & 0xFFU);
}

}  // namespace

HeaderWriter::HeaderWriter(const Metadata& metadata, HeaderSink sink)
    : sink_(std::move(sink)), text_(8, '\0') {
    text_ += '{';
    if (metadata.empty()) return;
    text_ += "\"__metadata__\":{";
    for (std::size_t i = 0; i < metadata.size(); ++i) {
        if (i > 0) text_ += ',';
        append_json_string(text_, metadata[i].first);
        text_ += ':';
        append_json_string(text_, metadata[i].second);
    }
    text_ += '}';
    has_member_ = true;
}

void HeaderWriter::add(std::string_view name, Dtype dtype, const Shape& shape, std::uint64_t begin,
                       std::uint64_t end) {
    if (has_member_) text_ += ',';
    has_member_ = true;
    append_json_string(text_, name);
    // Piece by piece: a format string takes several times the instructions.
    text_ += ":{\"dtype\":\"";
    text_ += dtype_name(dtype);
    text_ += "\",\"shape\":[";
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (i > 0) text_ += ',';
        append_json_integer(text_, shape[i]);
    }
    text_ += "],\"data_offsets\":[";
    append_json_integer(text_, begin);
    text_ += ',';
    append_json_integer(text_, end);
    text_ += "]}";
    constexpr std::size_t kPieceBytes = 256U << 10U;
    if (sink_ && text_.size() >= kPieceBytes) give();
}

void HeaderWriter::give() {
    sink_(text_, given_);
    given_ += text_.size();
    text_.clear();
}

std::uint64_t entry_bytes(std::string_view name, Dtype dtype, const Shape& shape,
                          std::uint64_t offset_digits) {
    HeaderWriter writer(Metadata{{"", ""}});
    const std::uint64_t before = writer.text_.size();
    writer.add(name, dtype, shape, 0, 0);
    return writer.text_.size() - before + 2 * (offset_digits - 1);
}

/// Returns 8 + N.
std::uint64_t HeaderWriter::end(std::string_view file_name) {
    text_ += '}';
    text_.append((8 - (given_ + text_.size()) % 8) % 8, ' ');
    const std::uint64_t length = given_ + text_.size() - 8;
    if (length <= kMostHeaderBytes) return 8 + length;
    throw Error(ErrorCode::kBadInput, printable(file_name),
                fmt::format("its header would have {} bytes, more than the {} that the format "
                            "allows; use fewer tensors a file",
                            with_commas(length), with_commas(kMostHeaderBytes)));
}

std::string HeaderWriter::finish(std::string_view file_name) {
    put_length(text_, end(file_name) - 8);
    return std::move(text_);
}

std::uint64_t HeaderWriter::finish_pieces(std::string_view file_name) {
    const std::uint64_t size = end(file_name);
    std::string length(8, '\0');
    put_length(given_ == 0 ? text_ : length, size - 8);
    const bool in_one = given_ == 0;
    give();
    if (!in_one) sink_(length, 0);
    return size;
}

}  // namespace octet::safetensors
