// Values held against values: the sums of one tile, and whole checkpoints through compare().
#include <cmath>
#include <limits>
#include <random>

#include "base/text.hpp"
#include "formats/safetensors/header.hpp"
#include "octet/octet.hpp"
#include "quant/difference.hpp"
#include "quant/error_sums.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

template <typename T>
quant::DifferenceSums sums_of(const std::vector<T>& a, const std::vector<T>& b, double scale = 0,
                              std::uint64_t first_element = 0) {
    quant::DifferenceTile tile(scale, first_element);
    tile.add(a, b);
    return tile.sums();
}

TEST_CASE("the sums of a difference are those of its definition") {
    const auto s = sums_of<float>({1, -2, 3, 0, -4, 0.5F}, {1.5F, 2, 0, 1, -4, -0.5F}, 0, 100);
    REQUIRE(s.signal == 30.25);
    REQUIRE(s.noise == 27.25);
    REQUIRE(s.dot_aa == 30.25);
    REQUIRE(s.dot_bb == 23.5);
    REQUIRE(s.dot_ab == 13.25);
    REQUIRE(s.max_abs_error == 4);
    REQUIRE(s.max_element == 101);
    REQUIRE(s.sign_flips == 2);
    REQUIRE(s.to_zero == 1);
    REQUIRE_THAT(quant::cosine(s),
                 Catch::Matchers::WithinRel(13.25 / std::sqrt(30.25 * 23.5), 1e-15));
}

TEST_CASE("the first of several equal errors is the one that is named") {
    std::vector<float> a(3000, 1.0F);
    std::vector<float> b = a;
    b[700] = b[1400] = b[2999] = 3.0F;
    REQUIRE(sums_of(a, b).max_element == 700);
    quant::DifferenceSums merged = sums_of(a, b);
    merged.merge(sums_of(a, b, 0, 3000));
    REQUIRE(merged.max_element == 700);
    REQUIRE(merged.noise == 24);
}

TEST_CASE("the histogram's bins begin at their edges") {
    const std::vector<float> errors = {0,    0.25F, 0.4999F, 0.5F,  1.0F, 1.9999F,
                                       2.0F, 3.99F, 4.0F,    7.99F, 8.0F, 1e30F};
    const auto s = sums_of(errors, std::vector<float>(errors.size()), 2.0);
    REQUIRE(s.histogram ==
            std::array<std::uint64_t, quant::kHistogramBins>{1, 2, 1, 0, 1, 0, 0, 1, 2, 2, 2});
    REQUIRE(sums_of(errors, std::vector<float>(errors.size())).histogram ==
            std::array<std::uint64_t, quant::kHistogramBins>{});
}

TEST_CASE(
    "NaN equals NaN, an infinity itself, and any other pair with them is infinitely far off") {
    const auto same =
        sums_of<float>({kNan, kInfinity, -kInfinity, 2}, {-kNan, kInfinity, -kInfinity, 2}, 1.0);
    REQUIRE(same.noise == 0);
    REQUIRE(same.signal == 4);
    REQUIRE(same.max_abs_error == 0);
    REQUIRE(same.to_zero == 0);
    REQUIRE(same.histogram.front() == 4);

    const std::pair<float, float> pairs[] = {{1, kNan},          {kNan, 1},
                                             {0, kInfinity},     {kInfinity, -kInfinity},
                                             {-kInfinity, kNan}, {-kInfinity, 0}};
    for (const auto& [a, b] : pairs) {
        INFO(a << " " << b);
        const auto s = sums_of<float>({5, a, 6}, {5, b, 6}, 1.0);
        REQUIRE(std::isinf(s.noise.as_double()));
        REQUIRE(std::isinf(s.max_abs_error));
        REQUIRE(s.max_element == 1);
        REQUIRE(s.signal == 61);
        REQUIRE(s.histogram.front() == 2);
        REQUIRE(s.histogram.back() == 1);
        REQUIRE(quant::sqnr_db(s.signal, s.noise) == -std::numeric_limits<double>::infinity());
        REQUIRE(s.sign_flips + s.to_zero == 0);
    }
}

TEMPLATE_TEST_CASE("squares of the smallest and of the largest values neither vanish nor overflow",
                   "", float, double) {
    using Limits = std::numeric_limits<TestType>;
    for (const TestType value :
         {Limits::denorm_min() * 1024, Limits::min(), TestType(1), TestType(1e37)}) {
        const std::vector<TestType> a(600, value);
        const std::vector<TestType> b(600, value / 2);
        const auto s = sums_of(a, b);
        const double square = static_cast<double>(value) * static_cast<double>(value);
        if (square == 0) continue;  // of the smallest doubles, which no double can hold
        REQUIRE_THAT(s.signal.as_double(), Catch::Matchers::WithinRel(600 * square, 1e-6));
        REQUIRE_THAT(s.noise.as_double(), Catch::Matchers::WithinRel(150 * square, 1e-6));
    }
}

TEST_CASE("doubles are compared as doubles") {
    const auto s = sums_of<double>({1.0, 1.0}, {1.0 + 1e-12, 1.0});
    REQUIRE_THAT(s.max_abs_error, Catch::Matchers::WithinRel(1e-12, 1e-3));
    REQUIRE_THAT(s.noise.as_double(), Catch::Matchers::WithinRel(1e-24, 1e-3));
}

TEST_CASE("the cosine of zeros is 1 between zeros and 0 otherwise") {
    REQUIRE(quant::cosine(sums_of<float>({0, 0}, {0, 0})) == 1);
    REQUIRE(quant::cosine(sums_of<float>({0, 0}, {1, 0})) == 0);
    REQUIRE(quant::cosine(sums_of<float>({3, 0}, {0, 0})) == 0);
    REQUIRE(quant::cosine(sums_of<float>({3, 4}, {-6, -8})) == -1);
}

TEST_CASE("pieces of a tile give what the whole gives") {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    std::vector<float> a(5000);
    std::vector<float> b(5000);
    for (std::size_t i = 0; i < a.size(); ++i) {
        a[i] = normal(random);
        b[i] = a[i] + normal(random) / 64;
    }
    const auto whole = sums_of(a, b, 0.01);
    quant::DifferenceTile tile(0.01, 0);
    for (std::size_t first = 0; first < a.size(); first += 1024) {
        const std::size_t count = std::min<std::size_t>(1024, a.size() - first);
        tile.add(std::span(a).subspan(first, count), std::span(b).subspan(first, count));
    }
    const auto pieces = tile.sums();
    REQUIRE(pieces.signal == whole.signal);
    REQUIRE(pieces.noise == whole.noise);
    REQUIRE(pieces.dot_ab == whole.dot_ab);
    REQUIRE(pieces.max_element == whole.max_element);
    REQUIRE(pieces.histogram == whole.histogram);
}

struct Item {
    std::string name;
    Dtype dtype;
    Shape shape;
    std::string data;
};

template <typename T>
std::string bytes_of(const std::vector<T>& values) {
    std::string bytes(values.size() * sizeof(T), '\0');
    if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
}

Item floats(std::string name, const std::vector<float>& values) {
    return {std::move(name), Dtype::kF32, {values.size()}, bytes_of(values)};
}

void write_items(const std::filesystem::path& path, const std::vector<Item>& items) {
    safetensors::HeaderWriter writer({});
    std::string data;
    for (const Item& item : items) {
        writer.add(item.name, item.dtype, item.shape, data.size(), data.size() + item.data.size());
        data += item.data;
    }
    write_file(path, writer.finish(path.native()) + data);
}

class Files {
  public:
    CompareReport compared(const std::vector<Item>& a, const std::vector<Item>& b,
                           const CompareOptions& options = {}) {
        write_items(folder_ / "a.safetensors", a);
        write_items(folder_ / "b.safetensors", b);
        return compare(folder_ / "a.safetensors", folder_ / "b.safetensors", options);
    }

  private:
    TemporaryFolder folder_;
};

TEST_CASE("what is missing, extra and of another shape is found") {
    Files files;
    const auto report =
        files.compared({floats("x", {1, 2}),
                        floats("gone", {1}),
                        {"s", Dtype::kF32, {2, 1}, bytes_of<float>({1, 2})}},
                       {floats("new", {1}), floats("s", {1, 2}), floats("x", {1, 2})});
    REQUIRE(report.missing == std::vector<std::string>{"gone"});
    REQUIRE(report.extra == std::vector<std::string>{"new"});
    REQUIRE(report.changed.size() == 1);
    REQUIRE(report.changed[0].name == "s");
    REQUIRE(report.changed[0].what == "shape [2, 1] in A, [2] in B");
    REQUIRE_FALSE(report.changed[0].dtype_only);
    REQUIRE(report.tensors.size() == 1);
    REQUIRE(report.tensors[0].name == "x");
    REQUIRE(report.totals.tensors == 1);
    REQUIRE(std::isinf(*report.totals.sqnr_db));
}

TEST_CASE("another float dtype is reported and compared") {
    Files files;
    const auto report = files.compared(
        {floats("x", {1, -2, 0.5F})},
        {{"x", Dtype::kBF16, {3}, bytes_of<std::uint16_t>({0x3F80, 0xC000, 0x3F80})}});
    REQUIRE(report.changed.size() == 1);
    REQUIRE(report.changed[0].what == "dtype F32 in A, BF16 in B");
    REQUIRE(report.changed[0].dtype_only);
    const Differences& d = *report.tensors.at(0).differences;
    REQUIRE(d.max_abs_error == 0.5);
    REQUIRE(d.max_at == std::vector<std::uint64_t>{2});
    REQUIRE_FALSE(d.srmse);
}

TEST_CASE("what is no float is compared byte for byte") {
    Files files;
    const Item same{"same", Dtype::kI64, {1}, bytes_of<std::int64_t>({5})};
    const Item u8{"u8", Dtype::kU8, {4}, "abcd"};
    const auto report = files.compared({same,
                                        u8,
                                        {"bool", Dtype::kBool, {2}, std::string("\0\1", 2)},
                                        {"wide", Dtype::kI32, {1}, "abcd"}},
                                       {same,
                                        {"u8", Dtype::kU8, {4}, "aXcY"},
                                        {"bool", Dtype::kU8, {2}, std::string("\0\1", 2)},
                                        {"wide", Dtype::kF64, {1}, "abcdefgh"}});
    REQUIRE(report.changed.size() == 3);
    REQUIRE(report.changed[0].what == "2 of 4 bytes differ, the first at 1");
    REQUIRE_FALSE(report.changed[0].dtype_only);
    REQUIRE(report.changed[1].what == "dtype BOOL in A, U8 in B");
    REQUIRE(report.changed[1].dtype_only);
    REQUIRE(report.changed[2].what == "dtype I32 in A, F64 in B, which cannot be compared");
    REQUIRE_FALSE(report.changed[2].dtype_only);
    REQUIRE(report.tensors.size() == 3);
    for (const TensorComparison& tensor : report.tensors) REQUIRE_FALSE(tensor.differences);
}

TEST_CASE("scalars and empty tensors have figures too") {
    Files files;
    const std::vector<Item> a = {{"scalar", Dtype::kF32, {}, bytes_of<float>({2})},
                                 {"empty", Dtype::kF32, {3, 0}, ""}};
    const std::vector<Item> b = {{"scalar", Dtype::kF32, {}, bytes_of<float>({1})},
                                 {"empty", Dtype::kF32, {3, 0}, ""}};
    const auto report = files.compared(a, b);
    REQUIRE(report.tensors.size() == 2);
    const auto& scalar = report.tensors[0].name == "scalar" ? report.tensors[0] : report.tensors[1];
    const auto& empty = report.tensors[0].name == "scalar" ? report.tensors[1] : report.tensors[0];
    REQUIRE(scalar.differences->max_at == std::vector<std::uint64_t>{});
    REQUIRE(scalar.differences->max_abs_error == 1);
    REQUIRE(std::isinf(empty.differences->sqnr_db));
    REQUIRE(empty.differences->rmse == 0);
    REQUIRE_FALSE(empty.differences->max_at);
}

TEST_CASE("a comparison does not depend on the number of workers", "[pipeline]") {
    Files files;
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    std::vector<float> a((1U << 21U) + 777);  // three tiles
    std::vector<float> b(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        a[i] = normal(random);
        b[i] = a[i] * 1.001F;
    }
    std::vector<double> doubles(a.begin(), a.begin() + 9000);
    const std::vector<Item> items_a = {floats("big", a),
                                       floats("small", {1, 2, 3}),
                                       {"wide", Dtype::kF64, {9000}, bytes_of(doubles)}};
    const std::vector<Item> items_b = {
        floats("big", b),
        floats("small", {1, 2, 4}),
        {"wide", Dtype::kF32, {9000}, bytes_of(std::vector<float>(b.begin(), b.begin() + 9000))}};
    CompareOptions options;
    options.read.threads = 1;
    const CompareReport one = files.compared(items_a, items_b, options);
    for (const unsigned threads : {2U, 5U, 1024U}) {
        options.read.threads = threads;
        const CompareReport many = files.compared(items_a, items_b, options);
        for (std::size_t i = 0; i < one.tensors.size(); ++i) {
            const Differences& x = *one.tensors[i].differences;
            const Differences& y = *many.tensors[i].differences;
            REQUIRE(x.sqnr_db == y.sqnr_db);
            REQUIRE(x.rmse == y.rmse);
            REQUIRE(x.cosine == y.cosine);
            REQUIRE(x.max_abs_error == y.max_abs_error);
            REQUIRE(x.max_at == y.max_at);
        }
        REQUIRE(one.totals.sqnr_db == many.totals.sqnr_db);
    }
}

TEST_CASE("patterns, limits and stopping", "[pipeline]") {
    Files files;
    const std::vector<Item> a = {floats("x", {1, 2}), floats("y", {3})};
    CompareOptions options;
    options.tensors = "y*";
    REQUIRE(files.compared(a, {floats("y", {3})}, options).missing.empty());
    options.tensors = "z*";
    REQUIRE(error_of([&] { files.compared(a, a, options); }) ==
            "2 --tensors: 'z*' matches no tensor; octet inspect PATH lists their names");
    options.tensors.clear();
    options.gates.min_sqnr = std::numeric_limits<double>::quiet_NaN();
    REQUIRE(error_of([&] { files.compared(a, a, options); }) ==
            "2 --min-sqnr: nan is no limit; give a finite number");
    options.gates.min_sqnr.reset();
    options.read.stop_requested = [] { return true; };
    REQUIRE(error_of([&] { files.compared(a, a, options); }).starts_with("128 interrupted"));
}

}  // namespace
}  // namespace octet::test
