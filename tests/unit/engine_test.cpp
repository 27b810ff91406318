// The engine over real files: every codec, any number of threads, tensors larger than its memory.
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cmath>
#include <functional>
#include <limits>

#include "codecs/copy.hpp"
#include "codecs/quantize.hpp"
#include "codecs/restore.hpp"
#include "codecs/run.hpp"
#include "codecs/scan.hpp"
#include "formats/octet_set/octet_format.hpp"
#include "io/file.hpp"
#include "pipeline/workers.hpp"
#include "quant/values.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

using codecs::TensorResult;
using pipeline::Stretch;

const Scheme kPlain = {};

/// Tensors that lie one behind the other in one source file and go one behind the other into one
/// target.
class Pipe {
  public:
    /// One tensor: where it lies, and how its task is made.
    struct Tensor {
        std::string name;
        Shape shape;
        Scheme scheme;
        Stretch source;
        Stretch target;
        std::function<void(const Tensor&, std::size_t, const codecs::TakeResult&,
                           codecs::TaskList&)>
            add_task;
        /// Its target's bytes, from its source's.
        std::function<std::string(std::string_view)> in_one_piece;
    };

    explicit Pipe(const std::filesystem::path& folder) : folder_(folder) {}

    template <typename T>
    void copy(const std::vector<T>& values) {
        add(values, values.size() * sizeof(T)).add_task = [](const Tensor& t, std::size_t i,
                                                             const auto& take, auto& tasks) {
            tasks.template add<codecs::CopyTask>(t.source, t.target, i, take);
        };
        tensors_.back().in_one_piece = [](std::string_view source) { return std::string(source); };
    }

    template <typename T>
    void quantize(Dtype dtype, const std::vector<T>& values,
                  Rounding rounding = Rounding::kNearest) {
        Tensor& tensor = add(values, values.size());
        tensor.scheme.rounding = rounding;
        tensor.add_task = [=, this](const Tensor& t, std::size_t i, const auto& take, auto& tasks) {
            tasks.template add<codecs::QuantizeTask>(
                codecs::QuantizeJob{dtype, t.scheme, t.name, t.shape}, t.source, t.target, format_,
                i, take);
        };
        tensor.in_one_piece = [=](std::string_view s) { return quantized(dtype, rounding, s); };
    }

    template <typename T>
    void convert(Dtype from, Dtype to, const std::vector<T>& values) {
        Tensor& tensor = add(values, values.size() * (dtype_bits(to) / 8));
        tensor.add_task = [=](const Tensor& t, std::size_t i, const auto& take, auto& tasks) {
            tasks.template add<codecs::ConvertTask>(
                codecs::ConvertJob{t.source, t.target, from, to, t.name}, i, take);
        };
        tensor.in_one_piece = [=](std::string_view source) {
            std::string target(source.size() / (dtype_bits(from) / 8) * (dtype_bits(to) / 8), '\0');
            kernels::Narrowing narrowing{};
            quant::convert_values(from, std::as_bytes(std::span(source)), to,
                                  std::as_writable_bytes(std::span(target)), narrowing);
            return target;
        };
    }

    void restore(Dtype to, const std::vector<std::uint8_t>& codes, quant::BlockState state) {
        Tensor& tensor = add(codes, codes.size() * (dtype_bits(to) / 8));
        tensor.add_task = [=](const Tensor& t, std::size_t i, const auto& take, auto& tasks) {
            tasks.template add<codecs::RestoreTask>(
                codecs::RestoreJob{t.source, t.target, kPlain, state, to, t.name, &t.shape}, i,
                take);
        };
        tensor.in_one_piece = [=](std::string_view source) {
            std::vector<float> values(source.size());
            for (std::size_t i = 0; i < values.size(); ++i) {
                const float product =
                    static_cast<float>(static_cast<std::uint8_t>(source[i])) * state.scale;
                values[i] = product + state.zero_point;
            }
            std::string target(values.size() * (dtype_bits(to) / 8), '\0');
            kernels::Narrowing narrowing{};
            quant::convert_values(Dtype::kF32, std::as_bytes(std::span(values)), to,
                                  std::as_writable_bytes(std::span(target)), narrowing);
            return target;
        };
    }

    template <typename T>
    void scan(Dtype dtype, const std::vector<T>& values) {
        add(values, 0).add_task = [=](const Tensor& t, std::size_t i, const auto& take,
                                      auto& tasks) {
            tasks.template add<codecs::ScanTask>(t.source, dtype, i, take);
        };
    }

    /// Runs everything anew and keeps what came out.
    void run(unsigned threads, const Progress& progress = {}) {
        write_file(folder_ / "source", source_bytes_);
        std::filesystem::remove(folder_ / "target");
        source_ = io::File::open_for_reading(folder_ / "source");
        target_ = io::File::create(folder_ / "target", target_bytes_);
        results_.assign(tensors_.size(), {});
        const codecs::TakeResult take = [this](std::size_t i, TensorResult&& result) {
            results_[i] = std::move(result);
        };
        codecs::TaskList tasks;
        for (std::size_t i = 0; i < tensors_.size(); ++i) {
            tensors_[i].source.file = &source_;
            tensors_[i].target.file = &target_;
            tensors_[i].add_task(tensors_[i], i, take, tasks);
        }
        WriteOptions options;
        options.threads = threads;
        options.progress = progress;
        tasks.run(options);
    }

    /// Pieces of a tensor's task for workers of that much memory.
    std::uint64_t pieces_of(std::size_t number, std::uint64_t memory_bytes) const {
        const codecs::TakeResult take = [](std::size_t, TensorResult&&) {};
        codecs::TaskList tasks;
        Tensor tensor = tensors_[number];
        const io::File none;
        tensor.source.file = tensor.target.file = &none;  // cutting opens nothing
        tensor.add_task(tensor, number, take, tasks);
        return tasks.front().cut(memory_bytes);
    }

    std::string output() const { return read_file(folder_ / "target"); }
    const std::vector<TensorResult>& results() const { return results_; }
    std::vector<Tensor>& tensors() { return tensors_; }
    std::filesystem::path source_path() const { return folder_ / "source"; }
    std::uint64_t source_size() const { return source_bytes_.size(); }

  private:
    template <typename T>
    Tensor& add(const std::vector<T>& values, std::uint64_t target_bytes) {
        const std::string bytes(reinterpret_cast<const char*>(values.data()),
                                values.size() * sizeof(T));
        Tensor tensor;
        tensor.name = "t" + std::to_string(tensors_.size());
        tensor.shape = {values.size()};
        tensor.source = {nullptr, source_bytes_.size(), bytes.size()};
        tensor.target = {nullptr, target_bytes_, target_bytes};
        source_bytes_ += bytes;
        target_bytes_ += target_bytes;
        tensors_.push_back(std::move(tensor));
        return tensors_.back();
    }

    /// The lesson's rule, value by value.
    static std::string quantized(Dtype dtype, Rounding rounding, std::string_view source) {
        std::vector<float> values(source.size() / (dtype_bits(dtype) / 8));
        kernels::Narrowing narrowing{};
        quant::convert_values(dtype, std::as_bytes(std::span(source)), Dtype::kF32,
                              std::as_writable_bytes(std::span(values)), narrowing);
        std::string codes(values.size(), '\0');
        if (values.empty()) return codes;
        const float low = *std::min_element(values.begin(), values.end());
        const float scale = (*std::max_element(values.begin(), values.end()) - low) / 255.0F;
        for (std::size_t i = 0; i < values.size(); ++i) {
            const float t = scale == 0.0F ? 0.0F : (values[i] - low) / scale;
            const float code = rounding == Rounding::kNearest ? std::nearbyint(t) : std::trunc(t);
            codes[i] = static_cast<char>(static_cast<std::uint8_t>(std::min(code, 255.0F)));
        }
        return codes;
    }

    octet_set::OctetFormat format_;
    std::filesystem::path folder_;
    std::string source_bytes_;
    std::uint64_t target_bytes_ = 0;
    std::vector<Tensor> tensors_;
    std::vector<TensorResult> results_;
    io::File source_;
    io::File target_;
};

std::vector<float> normal_floats(unsigned seed, std::size_t count) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.1F, 0.02F);
    std::vector<float> values(count);
    for (float& value : values) value = normal(random);
    return values;
}

template <typename T>
std::vector<T> random_words(unsigned seed, std::size_t count, std::uint64_t mask) {
    std::mt19937_64 random(seed);
    std::vector<T> words(count);
    for (T& word : words) word = static_cast<T>(random() & mask);
    return words;
}

/// More than one worker's memory at any number of threads, with a short last tile.
constexpr std::size_t kLargeElements = pipeline::kBufferBytes / sizeof(float) + 12'345;

/// All codecs, small and large, in an order that makes batches of unlike tensors.
void fill(Pipe& pipe, std::size_t large) {
    std::mt19937 random(61);
    const auto halves = random_words<std::uint16_t>(62, 3001, 0xBBFF);  // F16 without infinities
    for (unsigned i = 0; i < 300; ++i) pipe.quantize(Dtype::kF32, normal_floats(i, random() % 60));
    pipe.copy(random_words<std::uint8_t>(63, 100'003, 0xFF));
    pipe.quantize(Dtype::kF16, halves);
    pipe.quantize(Dtype::kF32, normal_floats(64, large));
    pipe.convert(Dtype::kF16, Dtype::kF32, halves);
    pipe.restore(Dtype::kBF16, random_words<std::uint8_t>(65, large / 2, 0xFF), {0.01F, -1.0F});
    pipe.restore(Dtype::kF64, random_words<std::uint8_t>(66, 999, 0xFF), {0.5F, 3.0F});
    pipe.convert(Dtype::kF32, Dtype::kF16, normal_floats(67, large / 3));
    pipe.copy(random_words<std::uint8_t>(68, large, 0xFF));
    pipe.quantize(Dtype::kBF16, random_words<std::uint16_t>(69, large / 2, 0xBFFF),
                  Rounding::kTruncate);
    pipe.quantize(Dtype::kF32, std::vector<float>{});
    pipe.quantize(Dtype::kF32, std::vector<float>(70'000, 1.0F));
    // Up to one tile takes the short road, one element more the long one.
    for (const std::size_t one_tile :
         {codecs::kTargetTileElements, codecs::kTargetTileElements + 1}) {
        pipe.quantize(Dtype::kF32, normal_floats(71, one_tile));
        pipe.quantize(Dtype::kF32, normal_floats(72, one_tile - 1), Rounding::kTruncate);
        pipe.quantize(Dtype::kBF16, random_words<std::uint16_t>(73, one_tile, 0xBFFF));
    }
}

TEST_CASE("the result does not depend on the number of threads or the way of reading",
          "[pipeline]") {
    const TemporaryFolder folder;
    Pipe pipe(folder.path());
    fill(pipe, kLargeElements);
    pipe.run(1);
    const std::string expected = pipe.output();
    std::vector<std::string> expected_results;
    for (const TensorResult& result : pipe.results())
        expected_results.push_back(codecs::result_text(result));
    const std::pair<unsigned, const char*> runs[] = {
        {2, ""}, {1, "pread"}, {3, "pread"}, {1, "mapped"}, {8, "mapped"}};
    for (const auto& [threads, reader] : runs) {
        ::setenv("OCTET_READER", reader, 1);
        pipe.run(threads);
        ::unsetenv("OCTET_READER");
        INFO(threads << " threads, reader " << reader);
        REQUIRE((pipe.output() == expected));
        for (std::size_t i = 0; i < expected_results.size(); ++i) {
            INFO("tensor " << i);
            REQUIRE(codecs::result_text(pipe.results()[i]) == expected_results[i]);
        }
    }
}

TEST_CASE("every byte is where one piece at a time would put it", "[pipeline]") {
    const TemporaryFolder folder;
    Pipe pipe(folder.path());
    fill(pipe, kLargeElements);
    pipe.run(3);
    const std::string source = read_file(pipe.source_path());
    const std::string output = pipe.output();
    for (std::size_t i = 0; i < pipe.tensors().size(); ++i) {
        const Pipe::Tensor& tensor = pipe.tensors()[i];
        INFO(tensor.name);
        const auto bytes =
            std::string_view(source).substr(tensor.source.offset, tensor.source.byte_count);
        const std::string expected = tensor.in_one_piece(bytes);
        REQUIRE((output.substr(tensor.target.offset, tensor.target.byte_count) == expected));
        for (std::size_t piece = 0; piece < pipe.results()[i].stored_pieces.size(); ++piece) {
            const auto part =
                std::string_view(expected).substr(piece * quant::kPieceBytes, quant::kPieceBytes);
            REQUIRE(pipe.results()[i].stored_pieces[piece] ==
                    quant::checksum_of(std::as_bytes(std::span(part))));
        }
        for (std::size_t piece = 0; piece < pipe.results()[i].source_pieces.size(); ++piece) {
            const auto part = bytes.substr(piece * quant::kPieceBytes, quant::kPieceBytes);
            REQUIRE(pipe.results()[i].source_pieces[piece] ==
                    quant::checksum_of(std::as_bytes(std::span(part))));
        }
    }
}

TEST_CASE("tensors beyond a worker's memory are cut in pieces and small ones are not",
          "[pipeline]") {
    const TemporaryFolder folder;
    Pipe pipe(folder.path());
    fill(pipe, kLargeElements);
    for (const unsigned threads : {1U, 2U, 8U}) {
        for (std::size_t i = 0; i < pipe.tensors().size(); ++i) {
            const Pipe::Tensor& tensor = pipe.tensors()[i];
            INFO(tensor.name << ", " << threads << " threads");
            const std::uint64_t memory = pipeline::kBufferBytes / threads;
            const std::uint64_t pieces = pipe.pieces_of(i, memory);
            if (tensor.source.byte_count > memory) REQUIRE(pieces > 1);
            if (tensor.source.byte_count <= (1U << 20U)) REQUIRE(pieces <= 1);
        }
    }
}

TEST_CASE("progress never goes back and ends at the whole", "[pipeline]") {
    const TemporaryFolder folder;
    Pipe pipe(folder.path());
    fill(pipe, kLargeElements);
    for (const unsigned threads : {1U, 4U}) {
        std::uint64_t last = 0;
        std::uint64_t total = 0;
        bool ordered = true;
        pipe.run(threads, [&](std::uint64_t done, std::uint64_t all) {
            ordered = ordered && done >= last && done <= all;
            last = done;
            total = all;
        });
        REQUIRE(ordered);
        REQUIRE(last == pipe.source_size());
        REQUIRE(total == pipe.source_size());
    }
}

TEST_CASE("a scan finds ranges and values that are not finite without an error", "[pipeline]") {
    const TemporaryFolder folder;
    Pipe pipe(folder.path());
    std::vector<float> bad = normal_floats(71, kLargeElements);
    bad[bad.size() - 5] = std::nanf("");
    pipe.scan(Dtype::kF32, bad);
    pipe.scan(Dtype::kF32, std::vector<float>{3.0F, -4.0F});
    pipe.scan(Dtype::kF64, std::vector<double>{1e300});
    for (const unsigned threads : {1U, 3U}) {
        pipe.run(threads);
        REQUIRE_FALSE(pipe.results()[0].range.finite);
        REQUIRE(pipe.results()[1].range.finite);
        REQUIRE(pipe.results()[1].range.min == -4.0F);
        REQUIRE(pipe.results()[1].range.max == 3.0F);
        REQUIRE_FALSE(pipe.results()[2].range.finite);
    }
}

TEST_CASE("of several bad tensors the first in file order is named at any number of threads",
          "[pipeline]") {
    const TemporaryFolder folder;
    for (const std::size_t size : {std::size_t{1000}, kLargeElements}) {
        Pipe pipe(folder.path());
        for (unsigned i = 0; i < 8; ++i) {
            std::vector<float> values = normal_floats(i, i == 5 ? size : 1000 + 300'000 * (i % 2));
            if (i == 5) values[size - 7] = -std::numeric_limits<float>::infinity();
            if (i > 5) values[0] = std::nanf("");
            pipe.quantize(Dtype::kF32, values);
        }
        for (int repeat = 0; repeat < 3; ++repeat) {
            for (const unsigned threads : {1U, 2U, 3U, 8U}) {
                INFO(threads << " threads, " << size << " elements");
                REQUIRE(error_of([&] { pipe.run(threads); }) ==
                        "3 " + pipe.source_path().native() + ": tensor 't5' holds -inf at [" +
                            std::to_string(size - 7) +
                            "], which is not a finite float32; --on-non-finite keep copies "
                            "such tensors");
            }
        }
    }
}

TEST_CASE("ranges that overflow float32 or the target's dtype are refused", "[pipeline]") {
    const TemporaryFolder folder;
    for (const std::size_t size : {std::size_t{10}, kLargeElements}) {
        for (const unsigned threads : {1U, 3U}) {
            Pipe wide(folder.path());
            std::vector<float> values(size, -3e38F);
            values.back() = 3e38F;
            wide.quantize(Dtype::kF32, values);
            REQUIRE(error_of([&] { wide.run(threads); }) ==
                    "3 " + wide.source_path().native() +
                        ": tensor 't0' spans -3e+38 to 3e+38, a range that overflows float32; "
                        "--on-non-finite keep copies such tensors");
            Pipe narrow(folder.path());
            std::fill(values.begin(), values.end(), 1.0F);
            values.back() = 65520.0F;
            narrow.convert(Dtype::kF32, Dtype::kF16, values);
            REQUIRE(error_of([&] { narrow.run(threads); }) ==
                    "3 " + narrow.source_path().native() +
                        ": tensor 't0' holds values that overflow F16; choose --dtype f32 or bf16");
        }
    }
}

}  // namespace
}  // namespace octet::test
