// A hostile GGUF file, inspected, verified, restored and read as a model. What is inspected can be
// restored, but for values that overflow a dtype; what is restored octet itself reads; verify calls
// what is broken a finding.
#include "fuzz_support.hpp"
#include "model/gguf_model.hpp"
#include "octet/compare.hpp"
#include "octet/octet.hpp"

using namespace octet;

namespace {

namespace fs = std::filesystem;

/// Bits of the control byte. Seeds are text in front, so the plain choice is '0'.
enum Control : unsigned { kF16 = 1, kBF16 = 2, kSingle = 4, kModel = 8 };

DequantizeOptions options_of(unsigned control) {
    DequantizeOptions options;
    if ((control & kF16) != 0) options.dtype = Dtype::kF16;
    if ((control & kBF16) != 0) options.dtype = Dtype::kBF16;
    options.write.threads = 1;
    options.write.sync = false;
    return options;
}

void read_as_model(const fs::path& file) {
    fuzz::accepted([&] {
        const gguf::GgufSource source(gguf::open_gguf(file));
        fuzz::accepted([&] { model::config_of(source); });
        const auto tokenizer = model::tokenizer_of(source);
        fuzz::expect_printable(tokenizer->decode(tokenizer->encode("a b")));
    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const fuzz::MemoryFolder folder;
    folder.clear();
    const unsigned control = (size > 0 ? data[0] : 0U) ^ unsigned { '0' };
    const fs::path file = folder / "f.gguf";
    fuzz::write_file(
        file, std::string_view(reinterpret_cast<const char*>(data), size).substr(size > 0 ? 1 : 0));

    VerifyOptions verifying;
    verifying.threads = 1;
    for (const Finding& finding : verify(file, verifying).findings)
        fuzz::expect_printable(finding.what);
    const bool whole = fuzz::accepted([&] { fuzz::expect_report(inspect(file), "inspect"); });
    const fs::path restored =
        (control & kSingle) != 0 ? folder / "back.safetensors" : folder / "back";
    const bool written = fuzz::accepted([&] {
        fuzz::expect_report(dequantize(file, restored, options_of(control)), "dequantize");
    });
    fuzz::expect(whole || !written, "a file that cannot be inspected is restored");
    fuzz::expect(!whole || written || (control & kF16) != 0,
                 "a file that can be inspected is not restored");
    fuzz::expect(written == fs::exists(restored),
                 "what was restored is there exactly when no error said otherwise");
    if (written) {
        inspect(restored);
        CompareOptions comparing;
        comparing.read.threads = 1;
        compare(file, restored, comparing);
    }
    if ((control & kModel) != 0) read_as_model(file);
    return 0;
}
