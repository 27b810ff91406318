// config.json: the input is its text. What is accepted has sizes that cannot overflow, and is what
// forward passes can do.
#include "fuzz_support.hpp"
#include "model/config.hpp"

using namespace octet;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    model::Config config;
    if (!fuzz::accepted([&] { config = model::parse_config(text, "f\x1b"); })) return 0;
    const bool is_t5 = config.family == checkpoint::Family::kT5;
    fuzz::expect(is_t5 || config.family == checkpoint::Family::kGpt2,
                 "a config of no family is accepted");
    for (const std::uint64_t number :
         {config.vocabulary, config.width, config.heads, config.head_width, config.layers,
          is_t5 ? config.decoder_layers : config.positions})
        fuzz::expect(number >= 1 && number <= 1U << 24U, "a size is out of bounds");
    fuzz::expect(config.inner >= 1 && config.inner <= 1U << 26U,
                 "the inner width is out of bounds");
    fuzz::expect(config.epsilon > 0 && config.epsilon < 1, "an epsilon is out of bounds");
    if (!is_t5) {
        fuzz::expect(config.heads * config.head_width == config.width,
                     "heads do not make up the width");
        return 0;
    }
    fuzz::expect(config.start_token < config.vocabulary, "the start is no token");
    fuzz::expect(config.buckets >= 4 && config.max_distance > config.buckets / 2,
                 "buckets without a distance");
    return 0;
}
