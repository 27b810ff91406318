// Names and numbers from a file that mean harm: to the terminal, to the memory, to other files.
#include <algorithm>

#include "base/pattern.hpp"
#include "base/text.hpp"
#include "checkpoint/checkpoint.hpp"
#include "checkpoint/index.hpp"
#include "formats/octet_set/quantized_set.hpp"
#include "octet/octet.hpp"
#include "report/report_options.hpp"
#include "report/text_parts.hpp"
#include "sidecar_sample.hpp"

namespace octet::test {
namespace {

namespace fs = std::filesystem;

TEST_CASE("a name that is too long for a regular expression is refused and a glob takes it") {
    const std::string name(1'000'000, 'x');
    REQUIRE(error_of([&] { Pattern("re:(x|y)*", "--tensors").matches(name); }) ==
            "3 tensor '" + name.substr(0, 80) + "..." + name.substr(0, 30) +
                "': its name has 1,000,000 bytes, more than the 1,024 that a regular expression is "
                "tried on; use a glob");
    REQUIRE(Pattern("re:(x|y)*", "--tensors").matches(name.substr(0, 1024)));
    REQUIRE(Pattern("x*x*x", "--tensors").matches(name));
}

TEST_CASE(
    "characters beyond ASCII that a terminal acts on are escaped in JSON without changing it") {
    const std::string json = "{\"a\u009b31m\u202e\u00e9\x7f\": \"\u2028\U0001F600\"}\n";
    REQUIRE(printable_json(json) ==
            "{\"a\\u009b31m\\u202e\u00e9\\u007f\": \"\\u2028\U0001F600\"}\n");
    REQUIRE(nlohmann::json::parse(printable_json(json)) == nlohmann::json::parse(json));
}

TEST_CASE("reports of a checkpoint with hostile names hold nothing that a terminal acts on") {
    Report report;
    report.input = "in\x1b[31m\xff";
    report.output = "out\u009b";
    for (const std::string_view name : {"a\x1b[31m", "\u009b31m\u202e", "\x7f\n\r\t", "é"}) {
        TensorReport tensor;
        tensor.name = name;
        tensor.reason = "integer dtype";
        report.tensors.push_back(tensor);
    }
    for (const std::string_view command : {"quantize", "dequantize", "inspect"}) {
        report::ReportOptions options{std::string(command), {0, 1, 2, 3}, true, true, {}};
        for (const std::string& text :
             {report::text(report, options), report::json(report, options)}) {
            std::string plain = text;
            std::erase_if(plain, [](char c) { return c == '\n' || c == '\\'; });
            INFO(text);
            REQUIRE(printable(plain) == plain);
        }
    }
}

TEST_CASE("a name that does not fit its column is cut between characters") {
    for (std::size_t shift = 0; shift < 8; ++shift) {
        const std::string name = std::string(shift, 'a') + "ÛÛÛÛÛÛÛÛÛÛÛÛÛÛÛÛÛÛÛÛ権権権権権権権権";
        for (std::size_t width = 10; width < 40; ++width) {
            const std::string text = report::fitted(name, width);
            REQUIRE(is_utf8(text));
            REQUIRE(text.size() <= width);
        }
    }
}

TEST_CASE("messages do not grow with a hostile value") {
    nlohmann::ordered_json sidecar = unsealed_sample();
    sidecar["version"] = std::string(100'000, 'x');
    REQUIRE(refusal(sealed(sidecar)) == refused("is of version \"" + std::string(39, 'x') +
                                                "; this octet reads versions 1 and 2"));
    const std::vector<std::uint64_t> shape(1'000'000, 1);
    REQUIRE(shape_text(shape) ==
            "[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, and 999,984 more]");
    REQUIRE(shape_text(std::vector<std::uint64_t>(16, 2)).find("more") == std::string::npos);
}

/// What reading the sample with these changes says, beyond the folder.
std::string names_refused(const TemporaryFolder& folder, const octet_set::Sidecar& sidecar) {
    write_file(folder / "quantization_state.json", sidecar_text(sidecar));
    const std::string error = error_of([&] { octet_set::read_sidecar(folder.path()); });
    const std::string subject = "3 " + (folder / "quantization_state.json").native() + ": ";
    return error.starts_with(subject) ? error.substr(subject.size()) : error;
}

std::string two(const std::string& name) {
    return "has two files of the name '" + name + "'; restore the sidecar or quantize again";
}

TEST_CASE("a sidecar that gives two files one name is refused") {
    const TemporaryFolder folder;
    REQUIRE(names_refused(folder, sample()) == "nothing");
    octet_set::Sidecar shards = sample();
    shards.files.push_back({"b.safetensors", 1, checksum(9)});
    shards.source_files.push_back(shards.source_files[0]);
    REQUIRE(names_refused(folder, shards) == two("model.safetensors"));
    shards.source_files[1].name = "config.json";
    REQUIRE(names_refused(folder, shards) == two("config.json"));
    shards.source_files[1].name = "other.safetensors";
    REQUIRE(names_refused(folder, shards) == "nothing");
    shards.source_index = octet_set::SourceIndex{"other.safetensors", ""};
    REQUIRE(names_refused(folder, shards) == two("other.safetensors"));
    shards.source_index.reset();
    shards.files[1].name = shards.files[0].name;
    REQUIRE(names_refused(folder, shards) == two("model.octet.safetensors"));
    shards.files[1].name = "quantization_state.json";
    REQUIRE(names_refused(folder, shards) == two("quantization_state.json"));
}

TEST_CASE("a set that would restore to a name of octet's own or to an impossible one is refused") {
    const TemporaryFolder folder;
    for (const std::string name :
         {"quantization_state.json", "model.safetensors.index.octet.json", ".octet-old"}) {
        octet_set::Sidecar sidecar = sample();
        sidecar.source_files[0].name = name;
        REQUIRE(names_refused(folder, sidecar) ==
                "restores to a file '" + name +
                    "', a name of octet's own; restore the sidecar or quantize again");
    }
    octet_set::Sidecar sidecar = sample();
    sidecar.source_files[0].name = std::string(256, 'n');
    REQUIRE(names_refused(folder, sidecar) ==
            "names the file '" + std::string(80, 'n') + "..." + std::string(30, 'n') +
                "', whose name has 256 bytes; 255 are the most that a file can have");
}

TEST_CASE("an index without tensors is no checkpoint") {
    REQUIRE(error_of([] { checkpoint::parse_index("{\"weight_map\": {}}", "i"); }) ==
            "3 i: index: its weight_map is empty, so the checkpoint has no tensors; the index is "
            "broken");
}

TEST_CASE("an index cannot call itself or a set's sidecar a shard") {
    const TemporaryFolder folder;
    for (const std::string name : {"quantization_state.json", "x.index.json", ".octet-new"}) {
        write_file(folder / "x.index.json", "{\"weight_map\": {\"a\": \"" + name + "\"}}");
        REQUIRE(error_of([&] { checkpoint::open_checkpoint(folder / "x.index.json"); }) ==
                "3 " + (folder / "x.index.json").native() + ": index: '" + name +
                    "' cannot be the name of a shard; rename the file");
    }
}

TEST_CASE("a shard that is named like a companion is only a shard", "[pipeline]") {
    const TemporaryFolder folder;
    const fs::path model = folder / "model";
    fs::create_directory(model);
    write_sparse_checkpoint(model / "tokenizer.bin",
                            R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8);
    write_file(model / "model.safetensors.index.json", R"({"weight_map": {"a": "tokenizer.bin"}})");
    QuantizeOptions options;
    options.write.sync = false;
    quantize(model, folder / "set", options);
    REQUIRE(verify(folder / "set", {}).findings.empty());
    DequantizeOptions back;
    back.write.sync = false;
    dequantize(folder / "set", folder / "back", back);
    REQUIRE(fs::file_size(folder / "back" / "tokenizer.bin") % 8 == 0);
    REQUIRE(error_of([&] { checkpoint::open_checkpoint(folder / "back"); }) == "nothing");
}

}  // namespace
}  // namespace octet::test
