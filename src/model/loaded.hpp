// A model opened for use: weights, config, tokenizer where there is one, and the network on a machine.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "model/config.hpp"
#include "model/model.hpp"
#include "model/tokenizer.hpp"
#include "model/weights.hpp"

namespace octet::model {

class Loaded {
  public:
    Loaded(const std::filesystem::path& path, Machine& machine)
        : weights_(Weights::open(path)),
          config_(read_config(weights_.folder())),
          network_(open_model(weights_, config_, machine)) {}

    const Weights& weights() const noexcept { return weights_; }
    const Config& config() const noexcept { return config_; }
    Model& network() const noexcept { return *network_; }
    bool is_t5() const noexcept { return config_.family == checkpoint::Family::kT5; }

    /// The tokenizer, opened on first use. Missing or broken: kBadInput.
    const Tokenizer& tokenizer() {
        if (!tokenizer_) tokenizer_ = open_tokenizer(weights_.folder(), config_);
        return *tokenizer_;
    }

  private:
    Weights weights_;
    Config config_;
    std::unique_ptr<Model> network_;
    std::unique_ptr<Tokenizer> tokenizer_;
};

}  // namespace octet::model
