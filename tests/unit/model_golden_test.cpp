// Forward passes against what torch computed of the same weights: testdata/*/golden.json.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "model/model.hpp"
#include "octet/octet.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const fs::path kTestdata = OCTET_TESTDATA_DIR;

std::uint32_t best_of(const model::Matrix& logits) {
    const float* const row = logits.row(logits.rows - 1);
    return static_cast<std::uint32_t>(std::max_element(row, row + logits.columns) - row);
}

double largest_difference(const model::Matrix& logits, const json& golden) {
    double largest = 0;
    for (std::size_t i = 0; i < logits.columns; ++i) {
        const double difference = static_cast<double>(logits.row(0)[i]) - golden[i].get<double>();
        largest = std::max(largest, std::abs(difference));
    }
    return largest;
}

/// Greedy continuation of every prompt of the golden file, and the logits of its first token.
void check_variant(const fs::path& weights_path, const fs::path& folder, const std::string& variant,
                   unsigned threads) {
    const model::Weights weights = model::Weights::open(weights_path);
    const model::Config config = model::read_config(weights.folder());
    model::ComputeContext compute(threads);
    const auto model = model::open_model(weights, config, compute);
    const bool is_t5 = config.family == checkpoint::Family::kT5;
    const json golden = json::parse(read_file(folder / "golden.json"));
    for (const json& prompt : golden["variants"][variant]["prompts"]) {
        CAPTURE(variant, prompt["prompt"].get<std::string>());
        const auto ids = prompt["ids"].get<tokenize::Ids>();
        auto expected = prompt["greedy_ids"].get<tokenize::Ids>();
        if (is_t5) expected.erase(expected.begin());
        model::Matrix hidden;
        model::Matrix logits;
        model::Sequence sequence = model->begin(is_t5 ? ids : tokenize::Ids{}, ids.size() + 16);
        model->advance(sequence, is_t5 ? tokenize::Ids{config.start_token} : ids, hidden);
        model->logits(hidden, hidden.rows - 1, 1, logits);
        CHECK(largest_difference(logits, prompt[is_t5 ? "first_logits" : "last_logits"]) < 1e-3);
        tokenize::Ids made;
        while (made.size() < expected.size()) {
            made.push_back(best_of(logits));
            if (made.size() == expected.size()) break;
            model->advance(sequence, tokenize::Ids{made.back()}, hidden);
            model->logits(hidden, 0, 1, logits);
        }
        CHECK(made == expected);
    }
}

}  // namespace

TEST_CASE("tiny models say what torch says of the original weights", "[model]") {
    for (const char* name : {"tiny-gpt2", "tiny-flan-t5"}) {
        for (const unsigned threads : {1U, 3U})
            check_variant(kTestdata / name, kTestdata / name, "original", threads);
    }
}

TEST_CASE("variants of the architectures have the logits that transformers has", "[model]") {
    const json golden = json::parse(read_file(kTestdata / "variants" / "golden.json"));
    const auto source = golden["source"].get<tokenize::Ids>();
    const auto inputs = golden["inputs"].get<tokenize::Ids>();
    REQUIRE(golden["logits"].size() == 5);
    for (const auto& [name, expected] : golden["logits"].items()) {
        CAPTURE(name);
        const model::Weights weights = model::Weights::open(kTestdata / "variants" / name);
        const model::Config config = model::read_config(weights.folder());
        model::ComputeContext compute(2);
        const auto model = model::open_model(weights, config, compute);
        const bool is_t5 = config.family == checkpoint::Family::kT5;
        model::Matrix hidden;
        model::Matrix logits;
        model::Sequence all = model->begin(is_t5 ? source : tokenize::Ids{}, inputs.size());
        model->advance(all, inputs, hidden);
        model::Sequence one_by_one = model->begin(is_t5 ? source : tokenize::Ids{}, inputs.size());
        for (std::size_t t = 0; t < inputs.size(); ++t) {
            model->logits(hidden, t, 1, logits);
            CHECK(largest_difference(logits, expected[t]) < 1e-4);
            model::Matrix last;
            model->advance(one_by_one, tokenize::Ids{inputs[t]}, last);
            model->logits(last, 0, 1, logits);
            CHECK(largest_difference(logits, expected[t]) < 1e-4);
        }
    }
}

TEST_CASE("a sequence that grows says what one says that had the room at once", "[model]") {
    for (const char* name : {"tiny-gpt2", "tiny-flan-t5"}) {
        CAPTURE(name);
        const model::Weights weights = model::Weights::open(kTestdata / name);
        const model::Config config = model::read_config(weights.folder());
        model::ComputeContext compute(2);
        const auto model = model::open_model(weights, config, compute);
        const tokenize::Ids source =
            config.family == checkpoint::Family::kT5 ? tokenize::Ids{4, 24, 3, 1} : tokenize::Ids{};
        constexpr std::uint32_t kTokens = 70;
        model::Sequence roomy = model->begin(source, kTokens);
        model::Sequence growing = model->begin(source, 1);
        model::Matrix hidden;
        model::Matrix grown;
        for (std::uint32_t t = 0; t < kTokens; t += 2) {
            const tokenize::Ids ids = {(7 * t + 3) % 400, (11 * t + 5) % 400};
            model->advance(roomy, ids, hidden);
            model->advance(growing, ids, grown);
            REQUIRE(hidden.values == grown.values);
        }
        CHECK(growing.capacity >= kTokens);
        CHECK(growing.capacity < 2 * kTokens);
    }
}

TEST_CASE("tiny models say on codes what torch says of the restored weights", "[model]") {
    for (const char* name : {"tiny-gpt2", "tiny-flan-t5"}) {
        const TemporaryFolder folder;
        QuantizeOptions options;
        options.write.sync = false;
        quantize(kTestdata / name, folder / "nearest", options);
        check_variant(folder / "nearest", kTestdata / name, "nearest", 2);
        options.preset = Preset::kLesson;
        quantize(kTestdata / name, folder / "lesson", options);
        check_variant(folder / "lesson", kTestdata / name, "lesson", 2);
    }
}

TEST_CASE("tiny-flan-t5 says on the codes of its Linear layers what quanto's int8 says",
          "[model]") {
    const TemporaryFolder folder;
    QuantizeOptions options;
    options.write.sync = false;
    options.preset = Preset::kLinear;
    quantize(kTestdata / "tiny-flan-t5", folder / "linear", options);
    for (const unsigned threads : {1U, 3U})
        check_variant(folder / "linear", kTestdata / "tiny-flan-t5", "quanto_qint8", threads);
}

}  // namespace octet::test
