// A hostile set: sidecar, data files and companions that may fit together or not, inspected,
// verified and restored. verify calls a broken set a finding and never an error; dequantize either
// refuses it or writes a checkpoint that octet itself reads.
#include "../sidecar_text.hpp"
#include "fuzz_support.hpp"
#include "octet/octet.hpp"

using namespace octet;

namespace {

namespace fs = std::filesystem;

/// Bits of the control byte. Seeds are text, so the plain choice is '0'.
enum Control : unsigned { kF16 = 1, kBF16 = 2, kSingle = 4, kUnsealed = 8, kRawSizes = 64 };

constexpr std::size_t kMostFiles = 4;
constexpr std::string_view kSidecar = "quantization_state.json";

/// The data files that the sidecar lists, as far as they can be made, each from the next part.
void write_data_files(const fs::path& folder, const octet_set::Sidecar& sidecar, unsigned control,
                      fuzz::Parts& parts) {
    std::vector<std::string_view> headers;
    for (std::size_t i = 0; i < std::min(sidecar.files.size(), kMostFiles); ++i)
        headers.push_back(parts.text());
    for (std::size_t i = 0; i < headers.size(); ++i) {
        const FileReport& file = sidecar.files[i];
        if (!fuzz::can_be_written(file.name) || file.name == kSidecar) continue;
        const auto size =
            (control & kRawSizes) != 0 ? std::nullopt : std::optional(file.byte_count);
        fuzz::write_file(folder / file.name, fuzz::safetensors_file(headers[i], parts, size));
    }
    for (std::size_t i = 0; i < std::min(sidecar.companions.size(), kMostFiles); ++i) {
        const FileReport& file = sidecar.companions[i];
        std::error_code ignored;
        const bool makes =
            fuzz::can_be_written(file.name) && !fs::exists(folder / file.name, ignored);
        if (makes)
            fuzz::write_file(folder / file.name,
                             parts.bytes(std::min<std::uint64_t>(file.byte_count, 4096)));
    }
}

void write_set(const fs::path& folder, unsigned control, fuzz::Parts& parts) {
    fs::create_directory(folder);
    const std::string_view given = parts.text();
    const std::string text =
        (control & kUnsealed) != 0 ? std::string(given) : test::sealed_text(std::string(given));
    fuzz::write_file(folder / kSidecar, text);
    octet_set::Sidecar sidecar;
    sidecar.files = {{"model.octet.safetensors", 0, {}, {}}};
    fuzz::accepted([&] { sidecar = octet_set::parse_sidecar(text, "f"); });
    write_data_files(folder, sidecar, control, parts);
}

DequantizeOptions options_of(unsigned control) {
    DequantizeOptions options;
    if ((control & kF16) != 0) options.dtype = Dtype::kF16;
    if ((control & kBF16) != 0) options.dtype = Dtype::kBF16;
    options.write.threads = 1;
    options.write.sync = false;
    return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const fuzz::MemoryFolder folder;
    folder.clear();
    fuzz::Parts parts(data, size);
    const unsigned control = parts.control() ^ unsigned { '0' };
    const fs::path set = folder / "set";
    write_set(set, control, parts);

    VerifyOptions verifying;
    verifying.threads = 1;
    for (const Finding& finding : verify(set, verifying).findings)
        fuzz::expect_printable(finding.what);
    const bool whole = fuzz::accepted([&] { fuzz::expect_report(inspect(set), "inspect"); });
    const fs::path restored =
        (control & kSingle) != 0 ? folder / "back.safetensors" : folder / "back";
    const bool written = fuzz::accepted(
        [&] { fuzz::expect_report(dequantize(set, restored, options_of(control)), "dequantize"); });
    fuzz::expect(whole || !written, "a set that cannot be inspected is restored");
    fuzz::expect(written == fs::exists(restored),
                 "a restored checkpoint is there exactly when no error said otherwise");
    return 0;
}
