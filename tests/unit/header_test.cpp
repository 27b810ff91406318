// The safetensors header: what is accepted, and every refusal with its whole message.
#include <chrono>

#include "formats/safetensors/header.hpp"
#include "io/file.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

using safetensors::Header;

/// Parses `json` as the header of a file "f" with `data_bytes` behind it.
Header parsed(std::string_view json, std::uint64_t data_bytes) {
    return safetensors::parse_header(json, 8 + json.size() + data_bytes, "f");
}

std::string refusal(std::string_view json, std::uint64_t data_bytes) {
    return error_of([&] { parsed(json, data_bytes); });
}

/// The one tensor "a" with these members.
std::string tensor_a(std::string_view members) {
    return "{\"a\":{" + std::string(members) + "}}";
}

std::string broken(std::string_view what) {
    return "3 f: header: " + std::string(what) + "; the file is broken or not safetensors";
}

struct Refusal {
    std::string json;
    std::uint64_t data_bytes;
    std::string what;  ///< between "header: " and "; the file is broken"
};

void check(const std::vector<Refusal>& refusals) {
    for (const Refusal& r : refusals) {
        INFO(r.json);
        REQUIRE(refusal(r.json, r.data_bytes) == broken(r.what));
    }
}

TEST_CASE("a header has to be a JSON object that starts at byte 8") {
    check({
        {"", 0, "has 0 bytes"},
        {" {}", 0, "does not start with '{' at byte 8"},
        {"[]", 0, "does not start with '{' at byte 8"},
        {"\xEF\xBB\xBF{}", 0, "does not start with '{' at byte 8"},
    });
    REQUIRE(refusal(std::string_view("{}\0", 3), 0) ==
            broken("NUL at byte 10; only spaces may pad a header"));
    REQUIRE(refusal(std::string_view("{\"a\0b\":{}}", 10), 0) ==
            broken("NUL at byte 11; only spaces may pad a header"));
}

TEST_CASE("text that is not JSON is refused with what the parser saw") {
    for (const std::string_view json :
         {"{", "{}x", "{} {}", "{\"a\":}", "{\"a\" {}}", "{'a':{}}", "{\"__metadata__\":{},}",
          "{\"\xFF\":{}}", "{\"\\ud800\":{}}", "{\"a\n\":{}}", "{\"a\":{\"dtype\":NaN}}",
          "{\"a\":{\"shape\":[01]}}", "{\"a\":{\"shape\":[1,]}}"}) {
        const std::string error = refusal(json, 0);
        INFO(json << " gave " << error);
        REQUIRE(error.rfind("3 f: header: ", 0) == 0);
        REQUIRE(error.find("not valid JSON: ") != error.npos);
        REQUIRE(error.find(" (near byte ") != error.npos);
        REQUIRE(error.find('\n') == error.npos);
    }
}

TEST_CASE("nesting 200000 deep is refused at once") {
    const auto start = std::chrono::steady_clock::now();
    for (const std::string_view open : {"[", "{\"a\":"}) {
        std::string json = "{\"a\":";
        for (int i = 0; i < 200'000; ++i) json += open;
        const std::string error = refusal(json, 0);
        REQUIRE(error.rfind("3 f: header: ", 0) == 0);
        REQUIRE(error.size() < 200);
    }
    REQUIRE(refusal("{\"__metadata__\":{\"a\":[[[", 0) ==
            broken("__metadata__: holds an array; only strings are allowed there (near byte 30)"));
    REQUIRE(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}

TEST_CASE("members of a header are objects and nothing else") {
    for (const auto& [value, what] :
         std::vector<std::pair<std::string, std::string>>{{"null", "null"},
                                                          {"true", "a boolean"},
                                                          {"1", "a number"},
                                                          {"\"x\"", "a string"},
                                                          {"[]", "an array"}}) {
        const std::string error = refusal("{\"a\":" + value + "}", 0);
        INFO(error);
        REQUIRE(error.rfind(
                    "3 f: header: tensor 'a': " + what + " instead of an object (near byte ", 0) ==
                0);
    }
}

TEST_CASE("a tensor has dtype and shape and data_offsets once each and nothing else") {
    check({
        {"{\"a\":{\"shape\":[],\"data_offsets\":[0,1]}}", 1,
         "tensor 'a': has no dtype (near byte 46)"},
        {"{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1,
         "tensor 'a': has no shape (near byte 48)"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[]}}", 1,
         "tensor 'a': has no data_offsets (near byte 38)"},
        {"{\"a\":{}}", 0, "tensor 'a': has no dtype (near byte 15)"},
        {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}", 0,
         "tensor 'a': the key 'dtype' stands twice (near byte 34)"},
        {"{\"a\":{\"shape\":[],\"shape\":[]}}", 0,
         "tensor 'a': the key 'shape' stands twice (near byte 32)"},
        {"{\"a\":{\"data_offsets\":[0,0],\"data_offsets\":[0,0]}}", 0,
         "tensor 'a': the key 'data_offsets' stands twice (near byte 49)"},
        {"{\"a\":{\"strides\":[]}}", 0,
         "tensor 'a': unknown key 'strides'; a tensor has dtype, shape and data_offsets (near byte "
         "23)"},
    });
}

TEST_CASE("values of a tensor have their types and only whole numbers from 0 up") {
    check({
        {"{\"a\":{\"dtype\":\"Q8\"}}", 0,
         "tensor 'a': unknown dtype 'Q8'; known are BOOL, U8 .. U64, I8 .. I64, F4 .. F64, BF16, "
         "C64 (near byte 26)"},
        {"{\"a\":{\"dtype\":\"f32\"}}", 0,
         "tensor 'a': unknown dtype 'f32'; known are BOOL, U8 .. U64, I8 .. I64, F4 .. F64, BF16, "
         "C64 (near byte 27)"},
        {"{\"a\":{\"dtype\":8}}", 0, "tensor 'a': dtype holds a number (near byte 24)"},
        {"{\"a\":{\"dtype\":[]}}", 0, "tensor 'a': dtype holds an array (near byte 23)"},
        {"{\"a\":{\"dtype\":{}}}", 0, "tensor 'a': dtype holds an object (near byte 23)"},
        {"{\"a\":{\"dtype\":null}}", 0, "tensor 'a': dtype holds null (near byte 26)"},
        {"{\"a\":{\"dtype\":-1}}", 0,
         "tensor 'a': dtype holds the number -1 where one from 0 up is due (near byte 25)"},
        {"{\"a\":{\"shape\":3}}", 0, "tensor 'a': shape holds a number (near byte 24)"},
        {"{\"a\":{\"shape\":\"3\"}}", 0, "tensor 'a': shape holds a string (near byte 25)"},
        {"{\"a\":{\"shape\":[-1]}}", 0,
         "tensor 'a': shape holds the number -1 where one from 0 up is due (near byte 26)"},
        {"{\"a\":{\"shape\":[1.0]}}", 0, "tensor 'a': shape holds the number 1.0 (near byte 27)"},
        {"{\"a\":{\"shape\":[1e3]}}", 0, "tensor 'a': shape holds the number 1e3 (near byte 27)"},
        {"{\"a\":{\"shape\":[\"1\"]}}", 0, "tensor 'a': shape holds a string (near byte 26)"},
        {"{\"a\":{\"shape\":[[1]]}}", 0, "tensor 'a': shape holds an array (near byte 24)"},
        {"{\"a\":{\"shape\":[{}]}}", 0, "tensor 'a': shape holds an object (near byte 24)"},
        {"{\"a\":{\"shape\":[null]}}", 0, "tensor 'a': shape holds null (near byte 27)"},
        {"{\"a\":{\"shape\":[true]}}", 0, "tensor 'a': shape holds a boolean (near byte 27)"},
        {"{\"a\":{\"shape\":[18446744073709551616]}}", 0,
         "tensor 'a': shape holds the number 18446744073709551616 (near byte 44)"},
        {"{\"a\":{\"data_offsets\":[0,1,2]}}", 0,
         "tensor 'a': data_offsets has more than two numbers (near byte 36)"},
        {"{\"a\":{\"data_offsets\":[0]}}", 0,
         "tensor 'a': data_offsets has fewer than two numbers (near byte 32)"},
        {"{\"a\":{\"data_offsets\":[0,-1]}}", 0,
         "tensor 'a': data_offsets holds the number -1 where one from 0 up is due (near byte 35)"},
        {"{\"a\":{\"data_offsets\":[0,1.5]}}", 0,
         "tensor 'a': data_offsets holds the number 1.5 (near byte 36)"},
        {"{\"a\":{\"data_offsets\":[\"0\",1]}}", 0,
         "tensor 'a': data_offsets holds a string (near byte 33)"},
        {"{\"a\":{\"data_offsets\":0}}", 0,
         "tensor 'a': data_offsets holds a number (near byte 31)"},
    });
}

TEST_CASE("metadata holds strings under different keys and stands once") {
    check({
        {"{\"__metadata__\":{\"a\":1}}", 0,
         "__metadata__: holds a number; only strings are allowed there (near byte 31)"},
        {"{\"__metadata__\":{\"a\":null}}", 0,
         "__metadata__: holds null; only strings are allowed there (near byte 33)"},
        {"{\"__metadata__\":{\"a\":{}}}", 0,
         "__metadata__: holds an object; only strings are allowed there (near byte 30)"},
        {"{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0,
         "__metadata__: the key 'a' stands twice (near byte 41)"},
        {"{\"__metadata__\":[]}", 0, "__metadata__: an array instead of an object (near byte 25)"},
        {"{\"__metadata__\":null}", 0, "__metadata__: null instead of an object (near byte 28)"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0,
         "__metadata__: stands twice (near byte 41)"},
    });
}

TEST_CASE("a tensor name that stands twice is refused with the byte of the second") {
    const std::string one = "{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}";
    const std::string two = "{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}";
    const std::string json = "{\"a\":" + one + ", \"b\":" + one + " ,\n\t\"a\":" + two + "}";
    const std::string byte = std::to_string(8 + json.rfind("\"a\""));
    REQUIRE(refusal(json, 2) == broken("tensor 'a' stands twice, again at byte " + byte));
    // Escapes do not make another name, nor does the order of the offsets matter.
    const std::string escaped = "{\"ab\":" + two + ",\"\\u0061b\":" + one + "}";
    const std::string second = std::to_string(8 + escaped.find("\"\\u0061b\""));
    REQUIRE(refusal(escaped, 2) == broken("tensor 'ab' stands twice, again at byte " + second));
    const std::string thrice = "{\"z\":" + one + ",\"z\":" + one + ",\"z\":" + one + "}";
    const std::string first_repeat = std::to_string(8 + thrice.find("\"z\"", 3));
    REQUIRE(refusal(thrice, 1) == broken("tensor 'z' stands twice, again at byte " + first_repeat));
}

std::string u8_tensor(std::string_view name, std::string_view shape, std::string_view offsets) {
    return "\"" + std::string(name) + "\":{\"dtype\":\"U8\",\"shape\":" + std::string(shape) +
           ",\"data_offsets\":" + std::string(offsets) + "}";
}

TEST_CASE("offsets have to follow each other from 0 to the end without gap or overlap") {
    const std::string a = u8_tensor("a", "[4]", "[0,4]");
    check({
        {"{" + u8_tensor("a", "[4]", "[4,0]") + "}", 4,
         "tensor 'a': data_offsets [4, 0] run backwards"},
        {"{" + u8_tensor("a", "[4]", "[1,5]") + "}", 5,
         "tensor 'a': data_offsets begin at 1, leaving a gap behind the data before, which end at "
         "0"},
        {"{" + a + "," + u8_tensor("b", "[4]", "[3,7]") + "}", 7,
         "tensor 'b': data_offsets begin at 3, inside the data before, which end at 4"},
        {"{" + a + "," + u8_tensor("b", "[4]", "[5,9]") + "}", 9,
         "tensor 'b': data_offsets begin at 5, leaving a gap behind the data before, which end at "
         "4"},
        {"{" + a + "," + u8_tensor("b", "[4]", "[0,4]") + "}", 4,
         "tensor 'b': data_offsets begin at 0, inside the data before, which end at 4"},
        {"{" + u8_tensor("a", "[0]", "[18446744073709551615,18446744073709551615]") + "}", 0,
         "tensor 'a': data_offsets begin at 18446744073709551615, leaving a gap behind the data "
         "before, which end at "
         "0"},
    });
}

TEST_CASE("a shape has to take exactly the bytes of its offsets") {
    check({
        {"{" + u8_tensor("a", "[5]", "[0,4]") + "}", 4,
         "tensor 'a': shape [5] of U8 takes 5 bytes, but data_offsets hold 4"},
        {"{" + u8_tensor("a", "[]", "[0,0]") + "}", 0,
         "tensor 'a': shape [] of U8 takes 1 bytes, but data_offsets hold 0"},
        {"{" + u8_tensor("a", "[2,0]", "[0,4]") + "}", 4,
         "tensor 'a': shape [2, 0] of U8 takes 0 bytes, but data_offsets hold 4"},
        {tensor_a("\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]"), 2,
         "tensor 'a': shape [3] of F4 does not fill whole bytes"},
        {tensor_a("\"dtype\":\"F6_E2M3\",\"shape\":[2],\"data_offsets\":[0,2]"), 2,
         "tensor 'a': shape [2] of F6_E2M3 does not fill whole bytes"},
    });
}

TEST_CASE("products that overflow 64 bits are refused") {
    check({
        {"{" + u8_tensor("a", "[4294967296,4294967296]", "[0,0]") + "}", 0,
         "tensor 'a': the product of shape [4294967296, 4294967296] overflows 64 bits"},
        // The elements fit, their bits do not.
        {tensor_a("\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]"), 0,
         "tensor 'a': the product of shape [4611686018427387904] overflows 64 bits"},
        {"{" + u8_tensor("a", "[18446744073709551615,2]", "[0,18446744073709551614]") + "}", 0,
         "tensor 'a': the product of shape [18446744073709551615, 2] overflows 64 bits"},
    });
}

TEST_CASE("data that is cut off or goes on behind the last tensor is refused") {
    const std::string json = "{" + u8_tensor("a", "[4000]", "[0,4000]") + "}";
    REQUIRE(refusal(json, 3999) ==
            "3 f: is cut off: the header announces 4,000 bytes of data, the file has 3,999; fetch "
            "it again");
    REQUIRE(refusal(json, 0) ==
            "3 f: is cut off: the header announces 4,000 bytes of data, the file has 0; fetch it "
            "again");
    REQUIRE(refusal(json, 5001) ==
            "3 f: has 1,001 bytes behind its last tensor; the file is broken or not safetensors");
    REQUIRE(refusal("{}", 1) ==
            "3 f: has 1 byte behind its last tensor; the file is broken or not safetensors");
}

TEST_CASE("the length in front of the header has to fit the file and the format") {
    const TemporaryFolder folder;
    const auto path = folder / "f";
    const auto refused = [&](std::string_view bytes) {
        write_file(path, bytes);
        const std::string error =
            error_of([&] { safetensors::read_header(io::File::open_for_reading(path)); });
        const std::string prefix = "3 " + path.native() + ": ";
        return error.rfind(prefix, 0) == 0 ? error.substr(prefix.size()) : error;
    };
    REQUIRE(refused("") ==
            "has 0 bytes, too few for the 8 of a header's length; the file is cut off or not "
            "safetensors");
    REQUIRE(refused("1234567") ==
            "has 7 bytes, too few for the 8 of a header's length; the file is cut off or not "
            "safetensors");
    REQUIRE(refused(std::string(8, '\0')) ==
            "header: has 0 bytes; the file is broken or not safetensors");
    REQUIRE(refused(std::string("\3\0\0\0\0\0\0\0{}", 10)) ==
            "is cut off: the header announces 3 bytes, the file has 2 behind its length; fetch it "
            "again");
    REQUIRE(refused(std::string("\1\xE1\xF5\5\0\0\0\0{}", 10)) ==
            "header: announces 100,000,001 bytes, more than the 100,000,000 that the format "
            "allows; the file is broken or "
            "not safetensors");
    REQUIRE(refused(std::string(8, '\xFF') + "{}") ==
            "header: announces 18,446,744,073,709,551,615 bytes, more than the 100,000,000 that "
            "the format allows; the "
            "file is broken or not safetensors");
}

TEST_CASE("names in messages are quoted and escaped and not endless") {
    REQUIRE(refusal("{\"a\\u001b[2J\\n\":{}}", 0).find("tensor 'a\\x1b[2J\\n': has no dtype") !=
            std::string::npos);
    const std::string error = refusal("{\"" + std::string(100'000, 'x') + "\":{}}", 0);
    REQUIRE(error.size() < 300);
    REQUIRE(error.find("xxx...xxx") != std::string::npos);
}

}  // namespace
}  // namespace octet::test
