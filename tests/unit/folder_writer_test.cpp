// The seam of output formats, by a format made here: a folder whose weights are 8-bit codes and
// scales under other names. It is written by the steps of quantize, its octet_report.json tells
// every change, and it says which files may be replaced.
#include <algorithm>

#include <fmt/format.h>

#include "base/set_names.hpp"
#include "commands/output.hpp"
#include "commands/output_place.hpp"
#include "formats/folder_report.hpp"
#include "formats/octet_set/octet_format.hpp"
#include "octet/error.hpp"
#include "octet/octet.hpp"
#include "octet/verify.hpp"
#include "pipeline/piece_checksums.hpp"
#include "support.hpp"
#include "writers/folder_writer.hpp"

namespace octet::test {
namespace {

namespace fs = std::filesystem;

/// The bytes of octet's own set under other names.
class OtherNames final : public formats::Format {
  public:
    std::unique_ptr<formats::TensorEncoder> encoder_of(const Scheme& scheme,
                                                       const Shape& shape) const override {
        return octet_.encoder_of(scheme, shape);
    }
    std::vector<quant::StoredPart> parts_of(const TensorReport& tensor,
                                            const std::optional<Scheme>& scheme) const override {
        return octet_.parts_of(tensor, scheme);
    }
    formats::NameOfPart part_names(const std::vector<TensorReport>& /*tensors*/) const override {
        return [](std::string_view tensor, std::string_view part) {
            return fmt::format("model.{}{}", tensor, part);
        };
    }
    std::vector<formats::DataFile> data_files(
        const checkpoint::Checkpoint& /*checkpoint*/) const override {
        return {{"model.safetensors", {{"format", "other"}}}};
    }

  private:
    octet_set::OctetFormat octet_;
};

class OtherWriter final : public writers::FolderWriter {
  public:
    explicit OtherWriter(const writers::Order& order)
        : FolderWriter(order, {"model", kIndexName, kFolderReportName, "other"}) {}

  private:
    const formats::Format& format() const override { return format_; }
    void check_schemes(const std::vector<TensorReport>& tensors) const override {
        for (const TensorReport& tensor : tensors) {
            if (tensor.scheme && tensor.scheme->bits != 8)
                throw Error(ErrorCode::kUsage, "tensor " + tensor.name,
                            "has no 8 bits; leave out --bits");
        }
    }
    std::vector<writers::TextFile> text_files() const override {
        return {{"config.json", "{\"quantized\": true}\n"},
                {"map.json", fmt::format("[{}]\n", tensors().size())}};
    }

    const OtherNames format_;
};

/// As quantize() does it.
Report write(const checkpoint::Checkpoint& checkpoint, const fs::path& out,
             const QuantizeOptions& options) {
    std::vector<std::string> notes;
    OtherWriter writer({checkpoint, options, io::Links::kOwn, out});
    writer.decide();
    commands::OutputPlace place(out, writer, checkpoint, options.write, notes);
    place.begin();
    const WriteOptions writing = writer.examine();
    formats::OutputPlan plan = writer.lay_out();
    place.build(plan);
    const std::vector<io::File> files = commands::create_files(plan, place.output());
    const writers::Target target{plan, files};
    const codecs::TakeResult take = [&](std::size_t number, codecs::TensorResult&& result) {
        writer.take_result(number, std::move(result));
    };
    codecs::TaskList tasks;
    writer.add_tasks(target, {0, plan.placements.size()}, take, tasks);
    writer.complete(target, pipeline::pieces_of(files, tasks.run(writing)));
    Report report = writer.finish(target, place.output());
    place.publish();
    return report;
}

std::vector<std::string> names_in(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder))
        names.push_back(entry.path().filename().native());
    std::sort(names.begin(), names.end());
    return names;
}

std::vector<std::string> findings_of(const fs::path& folder) {
    std::vector<std::string> findings;
    for (const Finding& finding : verify(folder, {}).findings)
        findings.push_back(finding.file + ": " + finding.what);
    return findings;
}

}  // namespace

TEST_CASE(
    "a folder format is written by the steps of quantize, and its report tells every change") {
    const TemporaryFolder folder;
    const checkpoint::Checkpoint checkpoint =
        checkpoint::open_checkpoint(fs::path(OCTET_TESTDATA_DIR) / "tiny-gpt2");
    QuantizeOptions options;
    options.write.sync = false;
    const fs::path out = folder.path() / "out";
    const Report report = write(checkpoint, out, options);
    REQUIRE(report.format == "other");
    REQUIRE(report.totals.quantized > 0);
    const std::vector<std::string> names = names_in(out);
    for (const char* const name :
         {"config.json", "map.json", "model.safetensors", "octet_report.json"})
        REQUIRE(std::binary_search(names.begin(), names.end(), std::string(name)));
    REQUIRE(read_file(out / "config.json") == "{\"quantized\": true}\n");
    const checkpoint::Checkpoint written = checkpoint::open_checkpoint(out / "model.safetensors");
    REQUIRE(std::all_of(
        written.tensors.begin(), written.tensors.end(),
        [](const checkpoint::Tensor& tensor) { return tensor.name.starts_with("model."); }));
    REQUIRE(findings_of(out).empty());
    REQUIRE(verify(out, {}).format == "other");

    const std::string bytes = read_file(out / "model.safetensors");
    std::string changed = bytes;
    changed.back() ^= 1;
    write_file(out / "model.safetensors", changed);
    REQUIRE(findings_of(out).size() == 1);
    REQUIRE(findings_of(out).front().find("octet_report.json says") != std::string::npos);
    write_file(out / "model.safetensors", bytes);
    write_file(out / "map.json", "[0]\n");
    REQUIRE(findings_of(out).size() == 1);
    fs::remove(out / "map.json");
    REQUIRE(findings_of(out) == std::vector<std::string>{"map.json: is missing"});
    std::string text = read_file(out / "octet_report.json");
    text[text.find("other")] = 'O';
    write_file(out / "octet_report.json", text);
    REQUIRE(
        findings_of(out).front().starts_with("octet_report.json: does not match its own checksum"));
}

TEST_CASE("a folder format replaces what its report lists, and nothing else") {
    const TemporaryFolder folder;
    const checkpoint::Checkpoint checkpoint =
        checkpoint::open_checkpoint(fs::path(OCTET_TESTDATA_DIR) / "tiny-gpt2");
    QuantizeOptions options;
    options.write.sync = false;
    const fs::path out = folder.path() / "out";
    write(checkpoint, out, options);
    REQUIRE(error_of([&] {
                write(checkpoint, out, options);
            }).ends_with("holds a model already; --force replaces it"));
    options.write.force = true;
    write(checkpoint, out, options);
    REQUIRE(findings_of(out).empty());
    write_file(out / "mine.txt", "kept");
    REQUIRE(error_of([&] {
                write(checkpoint, out, options);
            }).find("'mine.txt', which is not part of the model") != std::string::npos);
    REQUIRE(read_file(out / "mine.txt") == "kept");
}

TEST_CASE("a folder format refuses a scheme before anything is made") {
    const TemporaryFolder folder;
    const checkpoint::Checkpoint checkpoint =
        checkpoint::open_checkpoint(fs::path(OCTET_TESTDATA_DIR) / "tiny-gpt2");
    QuantizeOptions options;
    options.scheme.bits = 4;
    REQUIRE(error_of([&] {
                write(checkpoint, folder.path() / "out", options);
            }).ends_with("leave out --bits"));
    REQUIRE(names_in(folder.path()).empty());
}

TEST_CASE("a format is asked for by its name") {
    const TemporaryFolder folder;
    const fs::path input = fs::path(OCTET_TESTDATA_DIR) / "tiny-gpt2";
    QuantizeOptions options;
    options.write.sync = false;
    const auto error_with = [&](std::string_view format, std::string_view type) {
        options.format = format;
        options.type = type;
        return error_of([&] { quantize(input, folder.path() / "out.gguf", options); });
    };
    REQUIRE(error_with("octt", "") ==
            "2 --format: 'octt' is not one of octet, mlx, compressed-tensors, quanto; did you mean "
            "octet?");
    REQUIRE(error_with("gguf", "").starts_with("2 --format: names folders; --type"));
    REQUIRE(error_with("octet", "q8_0").starts_with("2 --type and --format: "));
    REQUIRE(names_in(folder.path()).empty());
    options.type.clear();
    quantize(input, folder.path() / "named", options);
    options.format.clear();
    quantize(input, folder.path() / "unnamed", options);
    REQUIRE(names_in(folder.path() / "named") == names_in(folder.path() / "unnamed"));
    for (const std::string& name : names_in(folder.path() / "named"))
        REQUIRE(read_file(folder.path() / "named" / name) ==
                read_file(folder.path() / "unnamed" / name));
}

TEST_CASE("the report of a folder reads back what was written, and nothing that is broken") {
    formats::FolderReport report;
    report.generator = "octet";
    report.format = "other";
    report.tensors = 3;
    report.source_files = {{"a.safetensors", 7}};
    report.files = {{"b.safetensors", 9, Checksum{{1, 2, 3}}}};
    report.companions = {{"sub/config.json", 2, Checksum{{4}}}};
    const std::string text = formats::folder_report_text(report);
    const formats::FolderReport back = formats::parse_folder_report(text, "r");
    REQUIRE(formats::folder_report_text(back) == text);
    REQUIRE(formats::file_names_of(back) ==
            std::vector<std::string>{"octet_report.json", "b.safetensors", "sub/config.json"});
    for (std::size_t i = 0; i < text.size(); ++i) {
        std::string changed = text;
        changed[i] ^= 2;
        REQUIRE(error_of([&] { formats::parse_folder_report(changed, "r"); }).starts_with("3 r: "));
        REQUIRE(error_of([&] {
                    formats::parse_folder_report(text.substr(0, i), "r");
                }).starts_with("3 r: "));
    }
}

}  // namespace octet::test
