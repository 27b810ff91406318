// The pipeline over real files: every codec, any number of threads, tensors larger than its memory.
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cmath>
#include <limits>

#include "io/file.hpp"
#include "quant/values.hpp"
#include "run/engine.hpp"
#include "run/steps.hpp"
#include "run/workers.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

using run::Codec;
using run::TensorJob;

const Shape kAnyShape = {};

/// Tensors that lie one behind the other in one source file and go one behind the other into one target.
class Pipe {
  public:
    explicit Pipe(const std::filesystem::path& folder) : folder_(folder) {}

    /// Adds a tensor of `bytes` as they are.
    void add(Codec codec, Dtype source, Dtype target, std::string bytes, quant::AffineState state = {}) {
        TensorJob job;
        job.codec = codec;
        job.source_dtype = source;
        job.target_dtype = target;
        job.elements = bytes.size() / (dtype_bits(source) / 8);
        job.source_offset = source_bytes_.size();
        job.target_offset = target_bytes_;
        job.state = state;
        job.shape = &kAnyShape;
        source_bytes_ += bytes;
        target_bytes_ += job.target_bytes();
        jobs_.push_back(job);
        names_.push_back("t" + std::to_string(names_.size()));
    }

    template <typename T>
    void add_values(Codec codec, Dtype source, Dtype target, const std::vector<T>& values,
                    quant::AffineState state = {}) {
        add(codec, source, target, std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)),
            state);
    }

    /// Runs everything anew and keeps what came out.
    void run(unsigned threads, const Progress& progress = {}) {
        write_file(folder_ / "source", source_bytes_);
        std::filesystem::remove(folder_ / "target");
        source_ = io::File::open_for_reading(folder_ / "source");
        target_ = io::File::create(folder_ / "target", target_bytes_);
        done_ = jobs_;
        for (std::size_t i = 0; i < done_.size(); ++i) {
            done_[i].source = &source_;
            done_[i].target = &target_;
            done_[i].name = names_[i];
        }
        run::run_jobs(done_, threads, progress);
    }

    std::string output() const { return read_file(folder_ / "target"); }
    const std::vector<TensorJob>& done() const { return done_; }
    std::vector<TensorJob>& jobs() { return jobs_; }
    std::filesystem::path source_path() const { return folder_ / "source"; }
    std::filesystem::path target_path() const { return folder_ / "target"; }
    std::uint64_t source_size() const { return source_bytes_.size(); }

  private:
    std::filesystem::path folder_;
    std::string source_bytes_;
    std::uint64_t target_bytes_ = 0;
    std::vector<TensorJob> jobs_;
    std::vector<std::string> names_;
    std::vector<TensorJob> done_;
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
constexpr std::size_t kLargeElements = run::kBufferBytes / sizeof(float) + 12'345;

/// All codecs, small and large, in an order that makes batches of unlike tensors.
void fill(Pipe& pipe, std::size_t large) {
    std::mt19937 random(61);
    const auto halves = random_words<std::uint16_t>(62, 3001, 0xBBFF);  // F16 without infinities
    for (unsigned i = 0; i < 300; ++i)
        pipe.add_values(Codec::kQuantize, Dtype::kF32, Dtype::kU8, normal_floats(i, random() % 60));
    pipe.add_values(Codec::kCopy, Dtype::kU8, Dtype::kU8, random_words<std::uint8_t>(63, 100'003, 0xFF));
    pipe.add_values(Codec::kQuantize, Dtype::kF16, Dtype::kU8, halves);
    pipe.add_values(Codec::kQuantize, Dtype::kF32, Dtype::kU8, normal_floats(64, large));
    pipe.add_values(Codec::kConvert, Dtype::kF16, Dtype::kF32, halves);
    pipe.add_values(Codec::kDequantize, Dtype::kU8, Dtype::kBF16, random_words<std::uint8_t>(65, large / 2, 0xFF),
                    {0.01F, -1.0F});
    pipe.add_values(Codec::kDequantize, Dtype::kU8, Dtype::kF64, random_words<std::uint8_t>(66, 999, 0xFF),
                    {0.5F, 3.0F});
    pipe.add_values(Codec::kConvert, Dtype::kF32, Dtype::kF16, normal_floats(67, large / 3));
    pipe.add_values(Codec::kCopy, Dtype::kU8, Dtype::kU8, random_words<std::uint8_t>(68, large, 0xFF));
    pipe.add_values(Codec::kQuantize, Dtype::kBF16, Dtype::kU8, random_words<std::uint16_t>(69, large / 2, 0xBFFF));
    pipe.jobs().back().rounding = Rounding::kTruncate;
    pipe.add_values(Codec::kQuantize, Dtype::kF32, Dtype::kU8, std::vector<float>{});
    pipe.add_values(Codec::kQuantize, Dtype::kF32, Dtype::kU8, std::vector<float>(70'000, 1.0F));
}

bool same_job(const TensorJob& a, const TensorJob& b) {
    return bits_of(a.state.scale) == bits_of(b.state.scale) &&
           bits_of(a.state.zero_point) == bits_of(b.state.zero_point) && a.range.min == b.range.min &&
           a.range.max == b.range.max && a.range.finite == b.range.finite && a.sums.signal == b.sums.signal &&
           a.sums.noise == b.sums.noise && a.sums.max_abs_error == b.sums.max_abs_error &&
           a.sums.clipped == b.sums.clipped && a.narrowing.max_abs_difference == b.narrowing.max_abs_difference &&
           a.narrowing.overflowed == b.narrowing.overflowed;
}

TEST_CASE("the result does not depend on the number of threads or the way of reading", "[pipeline]") {
    const TemporaryFolder folder;
    Pipe pipe(folder.path());
    fill(pipe, kLargeElements);
    pipe.run(1);
    const std::string expected = pipe.output();
    const std::vector<TensorJob> expected_jobs = pipe.done();
    const std::pair<unsigned, const char*> runs[] = {{2, ""}, {1, "pread"}, {3, "pread"}, {1, "mapped"}, {8, "mapped"}};
    for (const auto& [threads, reader] : runs) {
        ::setenv("OCTET_READER", reader, 1);
        pipe.run(threads);
        ::unsetenv("OCTET_READER");
        INFO(threads << " threads, reader " << reader);
        REQUIRE((pipe.output() == expected));
        for (std::size_t i = 0; i < expected_jobs.size(); ++i) {
            INFO("tensor " << i);
            REQUIRE(same_job(pipe.done()[i], expected_jobs[i]));
        }
    }
}

/// The target bytes of one job, computed in one piece.
std::string in_one_piece(const TensorJob& job, std::string_view source) {
    std::string target(job.target_bytes(), '\0');
    const auto from = std::as_bytes(std::span(source));
    const auto to = std::as_writable_bytes(std::span(target));
    kernels::Narrowing narrowing{};
    kernels::LaneSums sums{};
    kernels::Range range = quant::empty_range();
    if (job.codec == Codec::kCopy) return std::string(source);
    if (job.codec == Codec::kConvert) quant::convert_values(job.source_dtype, from, job.target_dtype, to, narrowing);
    if (job.codec == Codec::kDequantize) quant::restore_values(from, job.state, job.target_dtype, to, narrowing);
    if (job.codec == Codec::kQuantize) {
        quant::add_range(job.source_dtype, from, range);
        quant::quantize_values(job.source_dtype, from, quant::loop_parameters(quant::affine_state(range), range),
                               job.rounding, to, sums);
    }
    return target;
}

TEST_CASE("every byte is where one piece at a time would put it", "[pipeline]") {
    const TemporaryFolder folder;
    Pipe pipe(folder.path());
    fill(pipe, kLargeElements);
    pipe.run(3);
    const std::string source = read_file(pipe.source_path());
    const std::string output = pipe.output();
    for (const TensorJob& job : pipe.done()) {
        INFO(job.name);
        const auto bytes = std::string_view(source).substr(job.source_offset, job.source_bytes());
        REQUIRE((output.substr(job.target_offset, job.target_bytes()) == in_one_piece(job, bytes)));
    }
}

TEST_CASE("tensors beyond a worker's memory are cut in tiles and small ones batched", "[pipeline]") {
    const TemporaryFolder folder;
    Pipe pipe(folder.path());
    fill(pipe, kLargeElements);
    for (const unsigned threads : {1U, 2U, 8U}) {
        const std::uint64_t memory = run::kBufferBytes / threads;
        const run::StepPlan plan = run::cut_steps(pipe.jobs(), memory);
        REQUIRE_FALSE(plan.split_jobs.empty());
        REQUIRE(plan.steps.size() < pipe.jobs().size());
        std::uint64_t next_job = 0;
        for (const run::Step& step : plan.steps) {
            if (step.kind != run::StepKind::kBatch) {
                const TensorJob& job = pipe.jobs()[step.first_job];
                const std::uint64_t most =
                    step.kind == run::StepKind::kRange ? run::tile_elements(job) : run::piece_elements(job);
                REQUIRE(step.elements <= most);
                REQUIRE(step.first_element % most == 0);
                REQUIRE(most % run::tile_elements(job) == 0);
                continue;
            }
            std::uint64_t bytes = 0;
            for (std::uint32_t i = 0; i < step.job_count; ++i) {
                const TensorJob& job = pipe.jobs()[step.first_job + i];
                bytes += job.source_bytes();
            }
            REQUIRE(bytes <= memory);
            REQUIRE(step.first_job >= next_job);
            next_job = step.first_job + step.job_count;
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
    pipe.add_values(Codec::kScan, Dtype::kF32, Dtype::kU8, bad);
    pipe.add_values(Codec::kScan, Dtype::kF32, Dtype::kU8, std::vector<float>{3.0F, -4.0F});
    pipe.add_values(Codec::kScan, Dtype::kF64, Dtype::kU8, std::vector<double>{1e300});
    for (const unsigned threads : {1U, 3U}) {
        pipe.run(threads);
        REQUIRE_FALSE(pipe.done()[0].range.finite);
        REQUIRE(pipe.done()[1].range.finite);
        REQUIRE(pipe.done()[1].range.min == -4.0F);
        REQUIRE(pipe.done()[1].range.max == 3.0F);
        REQUIRE_FALSE(pipe.done()[2].range.finite);
    }
}

TEST_CASE("of several bad tensors the first in file order is named at any number of threads", "[pipeline]") {
    const TemporaryFolder folder;
    for (const std::size_t size : {std::size_t{1000}, kLargeElements}) {
        Pipe pipe(folder.path());
        for (unsigned i = 0; i < 8; ++i) {
            std::vector<float> values = normal_floats(i, i == 5 ? size : 1000 + 300'000 * (i % 2));
            if (i == 5) values[size - 7] = -std::numeric_limits<float>::infinity();
            if (i > 5) values[0] = std::nanf("");
            pipe.add_values(Codec::kQuantize, Dtype::kF32, Dtype::kU8, values);
        }
        const Shape shape = {size};
        for (TensorJob& job : pipe.jobs()) job.shape = &shape;
        for (int repeat = 0; repeat < 3; ++repeat) {
            for (const unsigned threads : {1U, 2U, 3U, 8U}) {
                INFO(threads << " threads, " << size << " elements");
                REQUIRE(error_of([&] { pipe.run(threads); }) ==
                        "3 " + pipe.source_path().native() + ": tensor 't5' holds -inf at [" +
                            std::to_string(size - 7) +
                            "], which is not a finite float32; --on-non-finite keep copies such tensors");
            }
        }
    }
}

TEST_CASE("a range that overflows float32 is refused and so is a value that overflows the target", "[pipeline]") {
    const TemporaryFolder folder;
    for (const std::size_t size : {std::size_t{10}, kLargeElements}) {
        for (const unsigned threads : {1U, 3U}) {
            Pipe wide(folder.path());
            std::vector<float> values(size, -3e38F);
            values.back() = 3e38F;
            wide.add_values(Codec::kQuantize, Dtype::kF32, Dtype::kU8, values);
            REQUIRE(
                error_of([&] { wide.run(threads); }) ==
                "3 " + wide.source_path().native() +
                    ": tensor 't0' spans -3e+38 to 3e+38, a range that overflows float32; --on-non-finite keep copies "
                    "such tensors");
            Pipe narrow(folder.path());
            std::fill(values.begin(), values.end(), 1.0F);
            values.back() = 65520.0F;
            narrow.add_values(Codec::kConvert, Dtype::kF32, Dtype::kF16, values);
            REQUIRE(error_of([&] { narrow.run(threads); }) ==
                    "3 " + narrow.source_path().native() +
                        ": tensor 't0' holds values that overflow F16; choose --dtype f32 or bf16");
        }
    }
}

}  // namespace
}  // namespace octet::test
