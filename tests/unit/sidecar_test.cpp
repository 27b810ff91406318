// The sidecar: what is written reads back, and every text that is not one is refused with its
// reason.
#include <chrono>

#include "sidecar_sample.hpp"

namespace octet::test {
namespace {

using nlohmann::ordered_json;

void check_same(const octet_set::Sidecar& a, const octet_set::Sidecar& b) {
    REQUIRE(a.generator == b.generator);
    REQUIRE(a.source_files == b.source_files);
    REQUIRE(a.source_index.has_value() == b.source_index.has_value());
    if (a.source_index) REQUIRE(a.source_index->name == b.source_index->name);
    if (a.source_index) REQUIRE(a.source_index->metadata == b.source_index->metadata);
    REQUIRE(a.source_framework_bytes == b.source_framework_bytes);
    REQUIRE(a.source_sum_of_squares == b.source_sum_of_squares);
    REQUIRE(a.files == b.files);
    REQUIRE(a.companions == b.companions);
    REQUIRE(a.options.preset == b.options.preset);
    REQUIRE(a.options.scheme == b.options.scheme);
    REQUIRE(a.options.on_non_finite == b.options.on_non_finite);
    REQUIRE(a.options.max_size == b.options.max_size);
    REQUIRE(a.options.target_sqnr_db == b.options.target_sqnr_db);
    REQUIRE(a.tensors.size() == b.tensors.size());
    for (std::size_t i = 0; i < a.tensors.size(); ++i) {
        const TensorReport& x = a.tensors[i];
        const TensorReport& y = b.tensors[i];
        INFO(x.name);
        REQUIRE(x.name == y.name);
        REQUIRE(x.dtype == y.dtype);
        REQUIRE(x.shape == y.shape);
        REQUIRE(x.scheme == y.scheme);
        REQUIRE(x.reason == y.reason);
        REQUIRE(x.scale == y.scale);
        REQUIRE(x.zero_point == y.zero_point);
        REQUIRE(x.statistics == y.statistics);
        REQUIRE(x.source_checksum == y.source_checksum);
        REQUIRE(x.stored_checksum == y.stored_checksum);
    }
}

TEST_CASE("a sidecar reads back as it was written") {
    const octet_set::Sidecar sidecar = sample();
    const std::string text = sidecar_text(sidecar);
    const octet_set::Sidecar read = octet_set::parse_sidecar(text, "f");
    check_same(sidecar, read);
    REQUIRE(read.tensors[0].source_bytes == 50257U * 768 * 4);
    REQUIRE(sidecar_text(read) == text);
}

TEST_CASE("a sidecar of shards with all options reads back as it was written") {
    octet_set::Sidecar sidecar = sample();
    sidecar.source_files.push_back({"model-2.safetensors", 17});
    sidecar.files.push_back({"model.octet-2.safetensors", 18, checksum(15)});
    sidecar.source_index = octet_set::SourceIndex{"model.safetensors.index.json",
                                                  "{\"total_size\":5,\"x\":[1.5,null]}"};
    sidecar.options = {Preset::kLesson, parse_scheme("u8"), OnNonFinite::kKeep};
    check_same(sidecar, octet_set::parse_sidecar(sidecar_text(sidecar), "f"));
    sidecar.source_index->metadata.clear();
    sidecar.options.scheme = parse_scheme("u8-trunc");
    sidecar.options.max_size = 70'000'000;
    sidecar.options.target_sqnr_db = -1.0 / 3;
    check_same(sidecar, octet_set::parse_sidecar(sidecar_text(sidecar), "f"));
}

TEST_CASE("a sidecar without tensors or files reads back") {
    octet_set::Sidecar empty;
    empty.generator = "octet";
    check_same(empty, octet_set::parse_sidecar(sidecar_text(empty), "f"));
}

TEST_CASE("a sidecar is JSON with its members in the documented order") {
    const std::string text = sidecar_text(sample());
    REQUIRE(text.back() == '\n');
    const ordered_json parsed = ordered_json::parse(text);
    std::vector<std::string> keys;
    for (const auto& [key, value] : parsed.items()) keys.push_back(key);
    REQUIRE(keys == std::vector<std::string>{"format", "version", "generator", "source", "files",
                                             "companions", "options", "tensors", "xxh3_128"});
    keys.clear();
    for (const auto& [key, value] : parsed["tensors"].items()) keys.push_back(key);
    REQUIRE(keys == std::vector<std::string>{"wte.\"weight\"", "ln.weight", "ids"});
    REQUIRE(parsed["tensors"]["ln.weight"]["stats"]["sqnr_db"] == "inf");
    REQUIRE(parsed["options"]["rules"] == ordered_json::array());
}

/// The refusal of the sample after a change at a JSON pointer, sealed anew; null takes the member
/// away.
std::string refusal_with(const std::string& pointer, const ordered_json& value) {
    ordered_json sidecar = unsealed_sample();
    const ordered_json::json_pointer at(pointer);
    if (value.is_null()) {
        sidecar[at.parent_pointer()].erase(at.back());
    } else {
        sidecar[at] = value;
    }
    return refusal(sealed(sidecar));
}

TEST_CASE("the sample is only refused for what a test changes") {
    REQUIRE(refusal(sealed(unsealed_sample())) == "nothing");
}

TEST_CASE("a sidecar that is not JSON is refused") {
    for (const std::string_view text :
         {"", "{", "nonsense", "{\"format\": \"octet\",}", "{} {}", "\xFF"}) {
        const std::string error = refusal(text);
        INFO(text << " gave " << error);
        REQUIRE(error.rfind("3 f: not valid JSON: ", 0) == 0);
        REQUIRE(error.find('\n') == error.npos);
    }
    REQUIRE(refusal(std::string_view("{}\0", 3)) == refused("NUL at byte 2"));
    const std::string text = sidecar_text(sample());
    for (std::size_t length = 0; length + 2 < text.size(); length += 7)
        REQUIRE(
            refusal(std::string_view(text).substr(0, length)).rfind("3 f: not valid JSON: ", 0) ==
            0);
}

TEST_CASE("a sidecar of another tool or version is named") {
    REQUIRE(refusal_with("/format", "other") ==
            refused("is not octet's: its format is not \"octet\""));
    REQUIRE(refusal_with("/version", 3) ==
            refused("is of version 3; this octet reads versions 1 and 2"));
    REQUIRE(refusal_with("/version", "1") ==
            refused("is of version \"1\"; this octet reads versions 1 and 2"));
    REQUIRE(refusal("{\"format\": \"octet\", \"version\": 7, \"new\": {\"unknown\": []}}") ==
            refused("is of version 7; this octet reads versions 1 and 2"));
    REQUIRE(refusal("{\"tensors\": {}, \"version\": 1}") ==
            refused("has no version before its tensors"));
}

TEST_CASE("values that are no object are no sidecar") {
    for (const std::string_view text : {"[]", "1", "null", "\"octet\""}) {
        INFO(text);
        REQUIRE(refusal(text) == refused("the sidecar is not an object"));
    }
}

TEST_CASE("a tied tensor is another's, that stands there with data, dtype and shape") {
    const auto with = [](const char* entry) {
        return refusal_with("/tensors/ids", ordered_json::parse(entry));
    };
    const std::string other = refused(
        "has a tensor that is the same_as one that does not stand there with data, dtype and "
        "shape");
    REQUIRE(with(R"({"dtype": "BF16", "shape": [], "same_as": "ln.weight", "position": 0})") ==
            "nothing");
    REQUIRE(with(R"({"dtype": "BF16", "shape": [], "same_as": "nobody", "position": 0})") == other);
    REQUIRE(with(R"({"dtype": "BF16", "shape": [], "same_as": "ids", "position": 0})") == other);
    REQUIRE(with(R"({"dtype": "BF16", "shape": [1], "same_as": "ln.weight", "position": 0})") ==
            other);
    REQUIRE(with(R"({"dtype": "F16", "shape": [], "same_as": "ln.weight", "position": 0})") ==
            other);
    REQUIRE(with(R"({"dtype": "BF16", "shape": [], "same_as": "", "position": 0})") ==
            refused("tensor 'ids' is the same_as no tensor"));
    REQUIRE(with(R"({"dtype": "BF16", "shape": [], "same_as": "ln.weight"})") ==
            refused("tensor 'ids' has no 'position'"));
    REQUIRE(
        with(R"({"dtype": "BF16", "shape": [], "same_as": "ln.weight", "position": 4294967296})") ==
        refused("tensor 'ids' position is beyond any header"));
    REQUIRE(
        with(
            R"({"dtype": "BF16", "shape": [], "same_as": "ln.weight", "position": 0, "scheme": "u8"})") ==
        refused("tensor 'ids' has the unknown key 'scheme'"));
}

TEST_CASE("unknown keys are refused at every level") {
    REQUIRE(refusal_with("/extra", 1) == refused("the sidecar has the unknown key 'extra'"));
    REQUIRE(refusal_with("/source/extra", 1) == refused("source has the unknown key 'extra'"));
    REQUIRE(refusal_with("/source/files/0/extra", 1) ==
            refused("source.files has the unknown key 'extra'"));
    REQUIRE(refusal_with("/source/index", {{"name", "i"}, {"extra", 1}}) ==
            refused("source.index has the unknown key 'extra'"));
    REQUIRE(refusal_with("/files/0/extra", 1) == refused("files has the unknown key 'extra'"));
    REQUIRE(refusal_with("/companions/1/extra", 1) ==
            refused("companions has the unknown key 'extra'"));
    REQUIRE(refusal_with("/options/extra", 1) == refused("options has the unknown key 'extra'"));
    REQUIRE(refusal_with("/tensors/ids/extra", 1) ==
            refused("tensor 'ids' has the unknown key 'extra'"));
    REQUIRE(refusal_with("/tensors/ids/scale", 1.0) ==
            refused("tensor 'ids' has the unknown key 'scale'"));
    REQUIRE(refusal_with("/tensors/ln.weight/reason", "x") ==
            refused("tensor 'ln.weight' has the unknown key 'reason'"));
    REQUIRE(refusal_with("/tensors/ln.weight/stats/extra", 1) ==
            refused("tensor 'ln.weight' stats has the unknown key 'extra'"));
}

TEST_CASE("missing keys are refused at every level") {
    for (const std::string_view key :
         {"generator", "source", "files", "companions", "options", "tensors"}) {
        REQUIRE(refusal_with("/" + std::string(key), nullptr) ==
                refused("the sidecar has no '" + std::string(key) + "'"));
    }
    REQUIRE(refusal_with("/format", nullptr) == refused("the sidecar has no 'format'"));
    REQUIRE(refusal_with("/version", nullptr) == refused("has no version before its tensors"));
    for (const std::string_view key : {"files", "framework_bytes", "sum_of_squares"}) {
        REQUIRE(refusal_with("/source/" + std::string(key), nullptr) ==
                refused("source has no '" + std::string(key) + "'"));
    }
    REQUIRE(refusal_with("/files/0/bytes", nullptr) == refused("files has no 'bytes'"));
    REQUIRE(refusal_with("/files/0/xxh3_128_tiles", nullptr) ==
            refused("files has no 'xxh3_128_tiles'"));
    REQUIRE(refusal_with("/companions/1/xxh3_128", nullptr) ==
            refused("companions has no 'xxh3_128'"));
    REQUIRE(refusal_with("/companions/0/name", nullptr) == refused("companions has no 'name'"));
    REQUIRE(refusal_with("/options/preset", nullptr) == refused("options has no 'preset'"));
    REQUIRE(refusal_with("/options/rules", nullptr) == refused("options has no 'rules'"));
    for (const std::string_view key :
         {"dtype", "shape", "scheme", "scale", "zero_point", "stats", "xxh3_128_tiles"}) {
        REQUIRE(refusal_with("/tensors/ln.weight/" + std::string(key), nullptr) ==
                refused("tensor 'ln.weight' has no '" + std::string(key) + "'"));
    }
    REQUIRE(refusal_with("/tensors/ids/reason", nullptr) ==
            refused("tensor 'ids' has no 'reason'"));
    REQUIRE(refusal_with("/tensors/ids/xxh3_128_tiles", nullptr) ==
            refused("tensor 'ids' has no 'xxh3_128_tiles'"));
    for (const std::string_view key : {"source", "stored"}) {
        REQUIRE(refusal_with("/tensors/ids/xxh3_128_tiles/" + std::string(key), nullptr) ==
                refused("tensor 'ids' checksums has no '" + std::string(key) + "'"));
    }
    for (const std::string_view key : {"sqnr_db", "rmse", "max_abs_error", "bound", "clipped"}) {
        REQUIRE(refusal_with("/tensors/ln.weight/stats/" + std::string(key), nullptr) ==
                refused("tensor 'ln.weight' stats has no '" + std::string(key) + "'"));
    }
}

TEST_CASE("keys that stand twice are refused at every level") {
    const std::string text = sidecar_text(sample());
    for (const std::string_view key :
         {"generator", "preset", "rules", "dtype", "scale", "sqnr_db", "bytes"}) {
        const std::string quoted = "\"" + std::string(key) + "\": ";
        std::string twice = text;
        twice.insert(twice.find(quoted), quoted + "0, ");
        REQUIRE(refusal(twice) == refused("the key '" + std::string(key) + "' stands twice"));
    }
    std::string twice = text;
    const std::size_t at = twice.find("\"ids\": ");
    const std::size_t end = twice.find("}}", at) + 2;
    twice.insert(end, ", " + twice.substr(at, end - at));
    REQUIRE(refusal(twice) == refused("the key 'ids' stands twice"));
    REQUIRE(refusal("{\"version\": 1, \"version\": 1}") ==
            refused("the key 'version' stands twice"));
}

struct Change {
    std::string pointer;
    ordered_json value;
    std::string what;
};

TEST_CASE("values of the wrong type are refused with their place") {
    const std::vector<Change> changes = {
        {"/generator", 5, "generator is not a string"},
        {"/source", "x", "source is not an object"},
        {"/source/files", "x", "source.files is not an array"},
        {"/source/files/0", "x", "source.files is not an object"},
        {"/source/files/0/name", 1, "source.files.name is not a string"},
        {"/source/framework_bytes", "1", "source.framework_bytes is not a whole number from 0 up"},
        {"/source/framework_bytes", -1, "source.framework_bytes is not a whole number from 0 up"},
        {"/source/framework_bytes", 1.5, "source.framework_bytes is not a whole number from 0 up"},
        {"/source/sum_of_squares", "many", "source.sum_of_squares is not a number"},
        {"/source/index", 1, "source.index is not an object"},
        {"/source/index", {{"name", 1}}, "source.index.name is not a string"},
        {"/source/index",
         {{"name", "i"}, {"metadata", 1}},
         "source.index.metadata is not an object"},
        {"/files", 1, "files is not an array"},
        {"/files/0/bytes", -5, "files.bytes is not a whole number from 0 up"},
        {"/companions/0/bytes", 1e30, "companions.bytes is not a whole number from 0 up"},
        {"/files/0/xxh3_128_tiles", 5, "files checksum is not a string"},
        {"/companions/0/xxh3_128", 5, "companions checksum is not a string"},
        {"/tensors/ids/xxh3_128_tiles", "x", "tensor 'ids' checksums is not an object"},
        {"/tensors/ids/xxh3_128_tiles/source", 1, "tensor 'ids' source checksum is not a string"},
        {"/options", false, "options is not an object"},
        {"/options/preset", 1, "options.preset is not a string"},
        {"/options/rules", 1, "options.rules is not an array"},
        {"/tensors", 1, "tensors is not an object"},
        {"/tensors", ordered_json::array(), "tensors is not an object"},
        {"/format", {{"octet", 1}}, "is not octet's: its format is not \"octet\""},
        {"/tensors/ids", 1, "tensor 'ids' is not an object"},
        {"/tensors/ids", ordered_json::array(), "tensor 'ids' is not an object"},
        {"/tensors/ids/reason", 1, "tensor 'ids' reason is not a string"},
        {"/tensors/ids/shape", 4, "tensor 'ids' shape is not an array"},
        {"/tensors/ids/shape/0", -4, "tensor 'ids' shape is not a whole number from 0 up"},
        {"/tensors/ids/shape/0", 4.0, "tensor 'ids' shape is not a whole number from 0 up"},
        {"/tensors/ids/dtype", 1, "tensor 'ids' dtype is not a string"},
        {"/tensors/ln.weight/scheme", 8, "tensor 'ln.weight' scheme is not a string"},
        {"/tensors/ln.weight/scale", "1", "tensor 'ln.weight' scale is not a number"},
        {"/tensors/ln.weight/zero_point", true, "tensor 'ln.weight' zero_point is not a number"},
        {"/tensors/ln.weight/stats", 1, "tensor 'ln.weight' stats is not an object"},
        {"/tensors/ln.weight/stats/rmse", "small", "tensor 'ln.weight' stats rmse is not a number"},
        {"/tensors/ln.weight/stats/clipped", -1,
         "tensor 'ln.weight' stats clipped is not a whole number from 0 up"},
    };
    for (const Change& change : changes) {
        INFO(change.pointer << " = " << change.value.dump());
        REQUIRE(refusal_with(change.pointer, change.value) == refused(change.what));
    }
}

TEST_CASE("values that this octet does not know are refused with their place") {
    const std::vector<Change> changes = {
        {"/options/preset", "best", "options.preset is not known to this octet"},
        {"/options/rules", {1}, "a rule of options.rules is not an object"},
        {"/options/rules", ordered_json::parse(R"([{"match": "*", "scheme": "u9"}])"),
         "options.rules has a scheme that is not known to this octet"},
        {"/options/rules", ordered_json::parse(R"([{"match": "*"}])"),
         "a rule of options.rules has no 'scheme'"},
        {"/options/scheme", "up", "options.scheme is not known to this octet"},
        {"/options/scheme", 1, "options.scheme is not a string"},
        {"/options/on_non_finite", "error", "options.on_non_finite is not \"keep\""},
        {"/tensors/ln.weight/scheme", "u9",
         "tensor 'ln.weight': the scheme 'u9' is not known to this octet"},
        {"/tensors/ln.weight/dtype", "F33", "tensor 'ln.weight' has an unknown dtype"},
        {"/tensors/ln.weight/dtype", "I32",
         "tensor 'ln.weight' is quantized from a dtype that is not float"},
        {"/tensors/ln.weight/scale", 1e39, "tensor 'ln.weight' scale is not a finite float32"},
        {"/tensors/ids/shape",
         {4294967296U, 4294967296U},
         "tensor 'ids' has a shape whose size overflows or does not fill whole bytes"},
        {"/files/0/xxh3_128_tiles", "", "files checksum is not 32 hexadecimal digits"},
        {"/files/0/xxh3_128_tiles", std::string(31, 'a'),
         "files checksum is not 32 hexadecimal digits"},
        {"/companions/1/xxh3_128", std::string(32, 'A'),
         "companions checksum is not 32 hexadecimal digits"},
        {"/tensors/ids/xxh3_128_tiles/source", std::string(32, 'g'),
         "tensor 'ids' source checksum is not 32 hexadecimal digits"},
        {"/tensors/ids/xxh3_128_tiles/stored", std::string(33, '0'),
         "tensor 'ids' stored checksum is not 32 hexadecimal digits"},
        {"/tensors/ids/xxh3_128_tiles/extra", 1,
         "tensor 'ids' checksums has the unknown key 'extra'"},
        {"/files", ordered_json::array(), "lists another number of files than its source had"},
    };
    for (const Change& change : changes) {
        INFO(change.pointer << " = " << change.value.dump());
        REQUIRE(refusal_with(change.pointer, change.value) == refused(change.what));
    }
}

TEST_CASE("a sidecar nested 200000 deep is refused at once") {
    const auto start = std::chrono::steady_clock::now();
    for (const std::string_view open : {"[", "{\"a\": "}) {
        for (const std::string_view prefix :
             {"", "{\"format\": \"octet\", \"version\": 1, \"tensors\": {\"a\": "}) {
            std::string text(prefix);
            for (int i = 0; i < 200'000; ++i) text += open;
            REQUIRE(refusal(text) == refused("nested deeper than 40 levels"));
        }
    }
    REQUIRE(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}

}  // namespace
}  // namespace octet::test
