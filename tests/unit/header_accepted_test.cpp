// What a safetensors header may hold, and the header that octet writes.
#include <utility>

#include "formats/safetensors/header.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

using safetensors::Header;
using safetensors::Metadata;

Header parsed(std::string_view json, std::uint64_t data_bytes) {
    return safetensors::parse_header(json, 8 + json.size() + data_bytes, "f");
}

TEST_CASE("a file without tensors is a checkpoint") {
    for (const std::string_view json :
         {"{}", "{ }", "{}      ", "{\"__metadata__\":{}}", "{\n}\t\r\n"}) {
        const Header header = parsed(json, 0);
        REQUIRE(header.tensors.empty());
        REQUIRE(header.metadata.empty());
        REQUIRE(header.data_start == 8 + json.size());
    }
}

TEST_CASE("scalars and empty tensors are tensors") {
    const Header header = parsed(R"({"scalar":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
                                 R"("empty":{"dtype":"F64","shape":[3,0,5],"data_offsets":[4,4]},)"
                                 R"("none":{"data_offsets":[4,4],"shape":[0],"dtype":"BOOL"},)"
                                 R"("one":{"dtype":"I8","shape":[1,1],"data_offsets":[4,5]}})",
                                 5);
    REQUIRE(header.tensors.size() == 4);
    REQUIRE(header.tensors[0].name == "scalar");
    REQUIRE(header.tensors[0].shape.empty());
    REQUIRE(header.tensors[1].shape == Shape{3, 0, 5});
    REQUIRE(header.tensors[1].begin == 4);
    REQUIRE(header.tensors[1].end == 4);
    REQUIRE(header.tensors[2].dtype == Dtype::kBool);
    REQUIRE(header.tensors[3].end == 5);
}

TEST_CASE("an empty tensor may have a dimension of any size beside its 0") {
    const Header header =
        parsed(R"({"a":{"dtype":"F32","shape":[0,18446744073709551615],"data_offsets":[0,0]}})", 0);
    REQUIRE(header.tensors[0].shape == Shape{0, 18446744073709551615U});
}

TEST_CASE("every dtype of the format is known with its size") {
    const std::vector<std::pair<std::string, std::uint64_t>> bytes_of_eight = {
        {"BOOL", 8}, {"F4", 4},          {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
        {"I8", 8},   {"F8_E5M2", 8},     {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
        {"I16", 16}, {"F8_E5M2FNUZ", 8}, {"U16", 16},    {"F16", 16},    {"BF16", 16},
        {"I32", 32}, {"U32", 32},        {"F32", 32},    {"C64", 64},    {"F64", 64},
        {"I64", 64}, {"U64", 64}};
    REQUIRE(bytes_of_eight.size() == kDtypeCount);
    for (const auto& [name, bytes] : bytes_of_eight) {
        INFO(name);
        const Header header =
            parsed("{\"a\":{\"dtype\":\"" + name + "\",\"shape\":[2,4],\"data_offsets\":[0," +
                       std::to_string(bytes) + "]}}",
                   bytes);
        REQUIRE(dtype_name(header.tensors.at(0).dtype) == name);
        REQUIRE(tensor_bytes(header.tensors[0].dtype, {2, 4}) == bytes);
    }
    REQUIRE_FALSE(parse_dtype("F128"));
    REQUIRE_FALSE(parse_dtype(""));
}

TEST_CASE("tensors come in the order of their data and remember their place in the header") {
    const Header header = parsed(R"({"last":{"dtype":"U8","shape":[2],"data_offsets":[3,5]},)"
                                 R"("__metadata__":{"format":"pt"},)"
                                 R"("first":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                 R"("nothing":{"dtype":"U8","shape":[0],"data_offsets":[1,1]},)"
                                 R"("middle":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},)"
                                 R"("end":{"dtype":"U8","shape":[0],"data_offsets":[5,5]},)"
                                 R"("nil":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}})",
                                 5);
    std::vector<std::string> names;
    std::vector<std::uint32_t> positions;
    for (const auto& tensor : header.tensors) {
        names.push_back(tensor.name);
        positions.push_back(tensor.header_position);
    }
    REQUIRE(names == std::vector<std::string>{"first", "nothing", "nil", "middle", "last", "end"});
    REQUIRE(positions == std::vector<std::uint32_t>{1, 2, 5, 3, 0, 4});
}

TEST_CASE("an empty tensor whose header stands before its neighbour lies before it") {
    const Header header = parsed(R"({"full":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                                 R"("empty":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
                                 2);
    REQUIRE(header.tensors[0].name == "empty");
    REQUIRE(header.tensors[1].name == "full");
}

TEST_CASE("metadata keeps its order and its text") {
    const Header header =
        parsed(R"({"__metadata__":{"z":"1","a":"{\"x\": [1]}","é":"\u00e9\n","":""}})", 0);
    const Metadata expected = {
        {"z", "1"}, {"a", "{\"x\": [1]}"}, {"\xC3\xA9", "\xC3\xA9\n"}, {"", ""}};
    REQUIRE(header.metadata == expected);
}

TEST_CASE("only keys that start with octet and a dot mark a file of codes") {
    REQUIRE(safetensors::has_octet_metadata({{"format", "pt"}, {"octet.version", "0.1.0"}}));
    REQUIRE(safetensors::has_octet_metadata({{"octet.", ""}}));
    REQUIRE_FALSE(
        safetensors::has_octet_metadata({{"octets", ""}, {"an.octet.x", ""}, {"octet", ""}}));
    REQUIRE_FALSE(safetensors::has_octet_metadata({}));
}

TEST_CASE("names may be escaped or in any script or empty") {
    const Header header =
        parsed(R"({"a\"\\\/\b\u0041\ud83d\ude00":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
               R"("权重.ß":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},)"
               R"("":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},)"
               R"("a\u0000b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}})",
               4);
    REQUIRE(header.tensors[0].name == "a\"\\/\bA\xF0\x9F\x98\x80");
    REQUIRE(header.tensors[1].name == "权重.ß");
    REQUIRE(header.tensors[2].name.empty());
    REQUIRE(header.tensors[3].name == std::string("a\0b", 3));
}

/// The text behind the length of a finished header, whose length is checked.
std::string json_of(const std::string& bytes) {
    std::uint64_t length = 0;
    for (std::size_t i = 8; i-- > 0;) length = length << 8U | static_cast<unsigned char>(bytes[i]);
    REQUIRE(length == bytes.size() - 8);
    return bytes.substr(8);
}

TEST_CASE("a written header reads back as it was meant and fills a multiple of 8 bytes") {
    for (std::size_t length = 0; length < 17; ++length) {
        const Metadata metadata = {{"format", "pt"}, {"k\"\n\x1f", "v\\\t権"}};
        const std::string name = std::string(length, 'n') + "\"\\\n\x01 é";
        safetensors::HeaderWriter writer(metadata);
        writer.add("second", Dtype::kF16, {3, 2}, 8, 20);
        writer.add(name, Dtype::kF64, {}, 0, 8);
        writer.add("empty", Dtype::kF8E4M3Fnuz, {0, 7}, 20, 20);
        const std::string bytes = writer.finish("f");
        REQUIRE(bytes.size() % 8 == 0);
        const Header header = parsed(json_of(bytes), 20);
        REQUIRE(header.data_start == bytes.size());
        REQUIRE(header.metadata == metadata);
        REQUIRE(header.tensors.size() == 3);
        REQUIRE(header.tensors[0].name == name);
        REQUIRE(header.tensors[0].header_position == 1);
        REQUIRE(header.tensors[1].shape == Shape{3, 2});
        REQUIRE(header.tensors[1].dtype == Dtype::kF16);
        REQUIRE(header.tensors[2].shape == Shape{0, 7});
        REQUIRE(header.tensors[2].begin == 20);
    }
}

TEST_CASE("a written header is compact JSON padded with spaces") {
    safetensors::HeaderWriter writer(Metadata{});
    writer.add("a", Dtype::kF32, {2}, 0, 8);
    const std::string text = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
    std::string expected = text;
    expected.append((8 - text.size() % 8) % 8, ' ');
    REQUIRE(json_of(writer.finish("f")) == expected);
    REQUIRE(json_of(safetensors::HeaderWriter(Metadata{}).finish("f")) == "{}      ");
    REQUIRE(json_of(safetensors::HeaderWriter(Metadata{{"k", "v"}}).finish("f")) ==
            "{\"__metadata__\":{\"k\":\"v\"}}      ");
}

TEST_CASE("a header beyond the limit of the format is refused before it is written") {
    safetensors::HeaderWriter writer(Metadata{{"big", std::string(100'000'000, 'x')}});
    REQUIRE(error_of([&] { writer.finish("out"); }) ==
            "3 out: its header would have 100,000,032 bytes, more than the 100,000,000 that the "
            "format allows; use fewer "
            "tensors a file");
}

}  // namespace
}  // namespace octet::test
