// verify() finds every bit that is not what was written, in every file of a set, and says in which
// file and tensor it lies.
#include <algorithm>
#include <array>
#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

#include "formats/octet_set/quantized_set.hpp"
#include "octet/octet.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

namespace fs = std::filesystem;

VerifyReport verified(const fs::path& set) {
    VerifyOptions options;
    options.threads = 1;
    return verify(set, options);
}

void quantize_there(const fs::path& source, const fs::path& set) {
    QuantizeOptions options;
    options.write.sync = false;
    options.write.threads = 1;
    quantize(source, set, options);
}

/// Changes one bit of a file in place, and back at the end.
class Flip {
  public:
    Flip(const fs::path& path, std::uint64_t bit)
        : fd_(::open(path.c_str(), O_RDWR | O_CLOEXEC)), bit_(bit) {
        flip();
    }
    Flip(const Flip&) = delete;
    Flip& operator=(const Flip&) = delete;
    ~Flip() {
        flip();
        ::close(fd_);
    }

  private:
    void flip() const {
        unsigned char byte = 0;
        if (::pread(fd_, &byte, 1, static_cast<off_t>(bit_ / 8)) != 1)
            throw std::system_error(errno, std::generic_category());
        byte = static_cast<unsigned char>(byte ^ (1U << (bit_ % 8)));
        if (::pwrite(fd_, &byte, 1, static_cast<off_t>(bit_ / 8)) != 1)
            throw std::system_error(errno, std::generic_category());
    }

    int fd_;
    std::uint64_t bit_;
};

/// One flip in file `name`: found, and in that file, as far as the finding can be of one.
void check_flip(const fs::path& set, const std::string& name, std::uint64_t bit,
                const std::string& tensor = "") {
    const Flip flip(set / name, bit);
    const VerifyReport report = verified(set);
    const bool found =
        std::any_of(report.findings.begin(), report.findings.end(), [&](const Finding& finding) {
            return finding.file == name && (tensor.empty() || finding.tensor == tensor);
        });
    if (!found) {
        FAIL(name << " byte " << bit / 8 << " bit " << bit % 8 << ": " << report.findings.size()
                  << " findings, none of " << (tensor.empty() ? "it" : tensor));
    }
}

/// Flips of the first bytes of a file: each `stride`-th bit.
void check_flips(const fs::path& set, const std::string& name, std::uint64_t byte_count,
                 std::uint64_t stride = 1) {
    for (std::uint64_t bit = 0; bit < 8 * byte_count; bit += stride) check_flip(set, name, bit);
}

// Under the address sanitizer, which is not what the flips are about, a tenth of them.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSlow = true;
#elif defined(__has_feature)
constexpr bool kSlow = __has_feature(address_sanitizer);
#else
constexpr bool kSlow = false;
#endif
constexpr int kDataFlips = kSlow ? 500 : 5000;
constexpr std::uint64_t kStride = kSlow ? 197 : 23;

/// All bits of the small models' sets take minutes (OCTET_EVERY_BIT=1); otherwise a stride that
/// comes by all bits of a byte.
std::uint64_t stride() {
    return std::getenv("OCTET_EVERY_BIT") != nullptr ? 1 : kStride;
}

std::string with_length(const std::string& header, const std::string& data) {
    std::string text(8, '\0');
    for (std::size_t i = 0; i < 8; ++i)
        text[i] = static_cast<char>((header.size() >> (8 * i)) & 0xFFU);
    return text + header + data;
}

/// A model folder of two shards with an index and a companion; one tensor of each form.
void write_model(const fs::path& folder) {
    fs::create_directory(folder);
    std::mt19937 random(7);
    std::string data(4 * 40 + 6, '\0');
    std::normal_distribution<float> normal(0.0F, 1.0F);
    for (std::size_t i = 0; i < 40; ++i) {
        const float value = normal(random);
        std::memcpy(data.data() + 4 * i, &value, sizeof value);
    }
    std::copy_n("ids\x01\x02\x03", 6, data.begin() + 160);
    write_file(
        folder / "model-00001-of-00002.safetensors",
        with_length(
            R"({"__metadata__":{"format":"pt"},"a.weight":{"dtype":"F32","shape":[5,8],"data_offsets":[0,160]},)"
            R"("ids":{"dtype":"I8","shape":[6],"data_offsets":[160,166]}})",
            data));
    write_file(
        folder / "model-00002-of-00002.safetensors",
        with_length(
            R"({"b":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]},"e":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}})",
            std::string("\x80\x3F\x00\xBF\x00\x40\x00\x00", 8)));
    write_file(
        folder / "model.safetensors.index.json",
        R"({"metadata":{"total_size":174},"weight_map":{"a.weight":"model-00001-of-00002.safetensors",)"
        R"("ids":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors",)"
        R"("e":"model-00002-of-00002.safetensors"}})");
    write_file(folder / "config.json", "{\"model_type\": \"none\"}\n");
    write_file(folder / "LICENSE", "");
}

TEST_CASE("every bit of every file of a set of shards counts") {
    const TemporaryFolder folder;
    write_model(folder / "model");
    const fs::path set = folder / "set";
    quantize_there(folder / "model", set);
    REQUIRE(verified(set).findings.empty());
    std::vector<std::string> names;
    for (const auto& file : fs::directory_iterator(set))
        names.push_back(file.path().filename().native());
    REQUIRE(names.size() == 6);  // sidecar, index, two data files, two companions
    for (const std::string& name : names) check_flips(set, name, fs::file_size(set / name));
    REQUIRE(verified(set).findings.empty());
}

TEST_CASE("verify says how far it is, with a source and without") {
    const TemporaryFolder folder;
    const fs::path model = fs::path(OCTET_TESTDATA_DIR) / "tiny-gpt2";
    quantize_there(model, folder / "set");
    for (const bool with_source : {false, true}) {
        std::uint64_t last = 0;
        std::uint64_t in_all = 0;
        int calls = 0;
        VerifyOptions options;
        options.threads = 1;
        if (with_source) options.source = model;
        options.progress = [&](std::uint64_t done, std::uint64_t total) {
            REQUIRE((done >= last && done <= total && (in_all == 0 || in_all == total)));
            last = done;
            in_all = total;
            ++calls;
        };
        const VerifyReport report = verify(folder / "set", options);
        REQUIRE(report.findings.empty());
        REQUIRE(calls > 1);
        REQUIRE(last == in_all);
        REQUIRE(in_all > report.totals.output_bytes - 1);
        REQUIRE((in_all > 2 * report.totals.output_bytes) == with_source);
    }
}

/// A place in the data of a set and whose it is.
struct Place {
    std::string file;
    std::uint64_t bit;
    std::string tensor;
};

Place random_place(const octet_set::QuantizedSet& set, std::mt19937_64& random) {
    const std::size_t file = random() % set.sidecar.files.size();
    while (true) {
        const std::uint64_t byte = random() % set.sidecar.files[file].byte_count;
        for (std::size_t i = 0; i < set.stored.size(); ++i) {
            const octet_set::StoredTensor& stored = set.stored[i];
            if (stored.file == file && byte >= stored.offset &&
                byte < stored.offset + stored.byte_count)
                return {set.sidecar.files[file].name, 8 * byte + random() % 8,
                        set.sidecar.tensors[i].name};
        }
    }
}

constexpr std::array<std::string_view, 2> kModels = {"tiny-gpt2", "tiny-flan-t5"};

TEST_CASE("the bits of the headers of the small models' sets count") {
    const TemporaryFolder folder;
    for (const std::string_view model : kModels) {
        quantize_there(fs::path(OCTET_TESTDATA_DIR) / model, folder / model);
        const octet_set::QuantizedSet set = octet_set::open_set(folder / model);
        check_flips(folder / model, set.sidecar.files[0].name, set.stored[0].offset, stride());
        REQUIRE(verified(folder / model).findings.empty());
    }
}

TEST_CASE("the bits of the sidecars of the small models' sets count") {
    const TemporaryFolder folder;
    for (const std::string_view model : kModels) {
        quantize_there(fs::path(OCTET_TESTDATA_DIR) / model, folder / model);
        check_flips(folder / model, "quantization_state.json",
                    fs::file_size(folder / model / "quantization_state.json"), stride());
    }
}

TEST_CASE("of thousands of flips in the data each is found in its tensor") {
    const TemporaryFolder folder;
    std::mt19937_64 random(9);
    for (const std::string_view model : kModels) {
        quantize_there(fs::path(OCTET_TESTDATA_DIR) / model, folder / model);
        const octet_set::QuantizedSet set = octet_set::open_set(folder / model);
        for (int i = 0; i < kDataFlips; ++i) {
            const Place place = random_place(set, random);
            check_flip(folder / model, place.file, place.bit, place.tensor);
        }
    }
}

TEST_CASE("of 1000 flips in the companions each is found") {
    const TemporaryFolder folder;
    std::mt19937_64 random(10);
    for (const std::string_view model : kModels) {
        quantize_there(fs::path(OCTET_TESTDATA_DIR) / model, folder / model);
        const octet_set::Sidecar sidecar = octet_set::read_sidecar(folder / model);
        REQUIRE_FALSE(sidecar.companions.empty());
        for (int i = 0; i < 500; ++i) {
            const FileReport& companion = sidecar.companions[random() % sidecar.companions.size()];
            check_flip(folder / model, companion.name, random() % (8 * companion.byte_count));
        }
    }
}

}  // namespace
}  // namespace octet::test
