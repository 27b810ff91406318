// The whole way: a hostile checkpoint (one file, or an index and shards) is inspected and
// quantized. What comes out of an accepted one is a whole set that keeps its promise and goes back.
#include "checkpoint/index.hpp"
#include "fuzz_support.hpp"
#include "octet/octet.hpp"

using namespace octet;

namespace {

namespace fs = std::filesystem;

/// Bits of the control byte. Seeds are text, so the plain choice is '0'.
enum Control : unsigned {
    kSharded = 1,
    kTruncate = 2,
    kKeep = 4,
    kLesson = 8,
    kGroups = 16,
    kChannels = 32,
    kRaw = 64,
    kFolder = 128
};

void write_shards(const fs::path& folder, fuzz::Parts& parts) {
    constexpr std::size_t kMostShards = 4;
    const std::string_view text = parts.text();
    fuzz::write_file(folder / "model.safetensors.index.json", text);
    std::vector<std::string> names = {"model-00001-of-00002.safetensors",
                                      "model-00002-of-00002.safetensors"};
    fuzz::accepted([&] { names = checkpoint::parse_index(std::string(text), "f").shard_names; });
    std::vector<std::string_view> headers;
    for (std::size_t i = 0; i < std::min(names.size(), kMostShards); ++i)
        headers.push_back(parts.text());
    for (std::size_t i = 0; i < headers.size(); ++i) {
        if (fuzz::can_be_written(names[i]) && names[i] != "model.safetensors.index.json")
            fuzz::write_file(folder / names[i],
                             fuzz::safetensors_file(headers[i], parts, std::nullopt));
    }
}

/// Writes the checkpoint of the input and returns its path.
fs::path write_checkpoint(const fs::path& folder, unsigned control, fuzz::Parts& parts) {
    fs::create_directory(folder);
    if ((control & kSharded) != 0) {
        write_shards(folder, parts);
        return (control & kFolder) != 0 ? folder : folder / "model.safetensors.index.json";
    }
    const fs::path path = folder / "model.safetensors";
    if ((control & kRaw) != 0) {
        fuzz::write_file(path, parts.bytes(4096));
    } else {
        fuzz::write_file(path, fuzz::safetensors_file(parts.text(), parts, std::nullopt));
    }
    return (control & kFolder) != 0 ? folder : path;
}

QuantizeOptions options_of(unsigned control) {
    QuantizeOptions options;
    if ((control & kTruncate) != 0) options.scheme.rounding = Rounding::kTruncate;
    if ((control & kChannels) != 0) {
        options.scheme.granularity = Granularity::kChannel;
        options.scheme.symmetric = true;
        options.scheme.bits = 3;
    } else if ((control & kGroups) != 0) {
        options.scheme.group_size = 16;
        options.scheme.axis = OutputAxis::k1;
        options.scheme.bits = 5;
        options.scheme.zero_point = ZeroPoint::kInteger;
        options.scheme.scale_dtype = ScaleDtype::kF16;
    }
    if ((control & kKeep) != 0) options.on_non_finite = OnNonFinite::kKeep;
    if ((control & kLesson) != 0) options.preset = Preset::kLesson;
    options.write.threads = 1;
    options.write.sync = false;
    return options;
}

void expect_whole(const fs::path& set, const fs::path& input) {
    VerifyOptions options;
    options.threads = 1;
    options.source = input;
    const VerifyReport report = verify(set, options);
    if (!report.findings.empty())
        std::fprintf(stderr, "fuzz: %s\n", report.findings.front().what.c_str());
    fuzz::expect(report.findings.empty(), "verify has a finding about a set that was just written");
}

void expect_goes_back(const fs::path& set, const fs::path& input, const fs::path& restored) {
    DequantizeOptions options;
    options.write.threads = 1;
    options.write.sync = false;
    fuzz::expect_report(dequantize(set, restored, options), "dequantize");
    CompareOptions comparing;
    comparing.read.threads = 1;
    const CompareReport compared = compare(input, restored, comparing);
    fuzz::expect(compared.missing.empty() && compared.extra.empty() && compared.changed.empty(),
                 "what was restored has other tensors than the source");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const fuzz::MemoryFolder folder;
    folder.clear();
    fuzz::Parts parts(data, size);
    const unsigned control = parts.control() ^ unsigned { '0' };
    const fs::path input = write_checkpoint(folder / "in", control, parts);
    if (!fuzz::accepted([&] { fuzz::expect_report(inspect(input), "inspect"); })) return 0;
    const fs::path set = folder / "set";
    if (!fuzz::accepted(
            [&] { fuzz::expect_report(quantize(input, set, options_of(control)), "quantize"); }))
        return 0;
    expect_whole(set, input);
    expect_goes_back(set, input,
                     (control & kFolder) != 0 ? folder / "back" : folder / "back.safetensors");
    return 0;
}
