// A hostile checkpoint whose weights came quantized by any method, with a config.json that says so:
// inspected, restored and compared. State that does not fit is refused by name; what is restored
// octet itself reads, and finds equal to what it came from.
#include "fuzz_support.hpp"
#include "octet/compare.hpp"
#include "octet/octet.hpp"

using namespace octet;

namespace {

namespace fs = std::filesystem;

/// Bits of the control byte. Seeds are text, so the plain choice is '0'.
enum Control : unsigned { kF16 = 1, kBF16 = 2, kSingle = 4 };

DequantizeOptions options_of(unsigned control) {
    DequantizeOptions options;
    options.dtype = Dtype::kF32;
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
    const fs::path model = folder / "model";
    fs::create_directory(model);
    fuzz::write_file(model / "config.json", parts.text());
    const std::string_view header = parts.text();
    fuzz::write_file(model / "model.safetensors",
                     fuzz::safetensors_file(header, parts, std::nullopt));

    const bool whole = fuzz::accepted([&] { fuzz::expect_report(inspect(model), "inspect"); });
    const fs::path restored =
        (control & kSingle) != 0 ? folder / "back.safetensors" : folder / "back";
    const bool written = fuzz::accepted([&] {
        fuzz::expect_report(dequantize(model, restored, options_of(control)), "dequantize");
    });
    fuzz::expect(whole || !written, "a checkpoint that cannot be inspected is restored");
    fuzz::expect(written == fs::exists(restored),
                 "what was restored is there exactly when no error said otherwise");
    if (!written) return 0;
    inspect(restored);
    CompareOptions comparing;
    comparing.read.threads = 1;
    fuzz::accepted([&] { compare(restored, model, comparing); });
    return 0;
}
