// A model opened for use: weights, config, tokenizer where there is one, and the network on a
// machine.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/background_task.hpp"
#include "model/config.hpp"
#include "model/model.hpp"
#include "model/weight_pages.hpp"
#include "model/weights.hpp"
#include "tokenize/tokenizer.hpp"

namespace octet::model {

using tokenize::Tokenizer;

/// When what a model needs comes into memory.
enum class Start : std::uint8_t {
    kAsNeeded,  ///< the tokenizer on first use, and pages when they are touched
    kAtOnce     ///< everything, as soon as may be; with several threads the tokenizer beside the
                ///< weights
};

class Loaded {
  public:
    Loaded(const std::filesystem::path& path, ComputeContext& compute, bool follow_links,
           Start start = Start::kAsNeeded);
    Loaded(const Loaded&) = delete;
    Loaded& operator=(const Loaded&) = delete;

    const Weights& weights() const noexcept { return weights_; }
    const Config& config() const noexcept { return config_; }
    Model& network() const noexcept { return *network_; }
    bool is_t5() const noexcept { return config_.family == checkpoint::Family::kT5; }

    /// True where there is a tokenizer that can be opened; then it is.
    bool has_tokenizer();

    /// The tokenizer, opened on first use if not before. Missing or broken: kBadInput.
    const Tokenizer& tokenizer();

    /// Gives back what Start::kAtOnce brought in: for a caller that is done, with a team that has
    /// other members still.
    void give_back() noexcept { pages_.reset(); }

  private:
    void begin_tokenizer(const std::filesystem::path& path);

    Team& team_;
    std::optional<BackgroundTask<std::unique_ptr<Tokenizer>>> coming_tokenizer_;
    Weights weights_;
    Config config_;
    std::unique_ptr<Model> network_;
    std::unique_ptr<Tokenizer> tokenizer_;
    std::optional<WeightPages> pages_;  ///< the first to end: members may be at work on the weights
};

}  // namespace octet::model
