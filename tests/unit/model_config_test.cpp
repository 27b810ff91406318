// config.json: what is understood, and what is refused with the key that it is about.
#include "model/config.hpp"
#include "support.hpp"

namespace octet::test {
namespace {

const std::string kGpt2 =
    R"("model_type": "gpt2", "vocab_size": 8, "n_embd": 6, "n_head": 2, "n_layer": 1, "n_positions": 4)";
const std::string kT5 =
    R"("model_type": "t5", "vocab_size": 8, "d_model": 6, "num_heads": 2, "d_kv": 5, "d_ff": 7, "num_layers": 3)";

std::string error_for(const std::string& members) {
    return error_of([&] { model::parse_config("{" + members + "}", "c"); });
}

}  // namespace

TEST_CASE("defaults of config json are those of the architectures", "[model]") {
    const model::Config gpt2 = model::parse_config("{" + kGpt2 + "}", "c");
    CHECK(gpt2.inner == 24);
    CHECK(gpt2.head_width == 3);
    CHECK(gpt2.end_token == 50256);
    const model::Config t5 = model::parse_config("{" + kT5 + "}", "c");
    CHECK(t5.decoder_layers == 3);
    CHECK(t5.tied_head);
    CHECK(t5.activation == model::Activation::kRelu);
    CHECK((t5.buckets == 32 && t5.max_distance == 128 && t5.end_token == 1 && t5.start_token == 0));
}

TEST_CASE("a config that octet does not compute is refused with its key", "[model]") {
    CHECK(error_of([] { model::parse_config("nonsense", "c"); }) ==
          "3 c: is not a JSON object; fetch it again");
    CHECK(error_for(R"("model_type": "llama")") ==
          "3 c: \"model_type\" is 'llama'; octet runs \"gpt2\" and \"t5\"");
    CHECK(error_for(R"("vocab_size": 7)") ==
          "3 c: has no \"model_type\"; give the model's own config.json");
    CHECK(error_for(R"("model_type": 7)") == "3 c: \"model_type\" is '7', not a string");
    CHECK(error_for(R"("model_type": "gpt2")") ==
          "3 c: has no \"vocab_size\"; give the model's own config.json");
    CHECK(error_for(kGpt2 + R"(, "n_inner": 0)") ==
          "3 c: \"n_inner\" is '0', not a number from 1 to 16,777,216");
    CHECK(error_for(kGpt2 + R"(, "n_inner": 1e30)")
              .starts_with("3 c: \"n_inner\" is '1e+30', not a number from 1"));
    CHECK(error_for(kGpt2 + R"(, "scale_attn_by_inverse_layer_idx": true)") ==
          "3 c: \"scale_attn_by_inverse_layer_idx\" is true; octet runs models where it is false");
    CHECK(error_for(kGpt2 + R"(, "activation_function": "relu")")
              .starts_with("3 c: \"activation_function\" 'relu'"));
    CHECK(error_for(kGpt2 + R"(, "layer_norm_epsilon": 1e-50)")
              .starts_with("3 c: \"layer_norm_epsilon\" is '1e-50'"));
    CHECK(error_for(kGpt2 + R"(, "layer_norm_epsilon": -1)")
              .starts_with("3 c: \"layer_norm_epsilon\" is '-1'"));
    CHECK(error_for(kT5 + R"(, "feed_forward_proj": "gated-silu")")
              .starts_with("3 c: \"feed_forward_proj\""));
    CHECK(error_for(kT5 + R"(, "relative_attention_num_buckets": 3)").find("multiple of 4") !=
          std::string::npos);
    CHECK(error_for(kT5 + R"(, "decoder_start_token_id": 8)").find("is beyond \"vocab_size\" 8") !=
          std::string::npos);
    const TemporaryFolder folder;
    CHECK(error_of([&] { model::read_config(folder.path()); }).find("config.json: not found") !=
          std::string::npos);
}

}  // namespace octet::test
