// The tokenizer is opened on a thread of its own while this one opens weights, config and network;
// what is wrong with it is told when it is asked for.
#include "model/loaded.hpp"

#include <algorithm>
#include <utility>

#include "checkpoint/checkpoint.hpp"
#include "io/mapping.hpp"
#include "model/gguf_model.hpp"
#include "octet/error.hpp"

namespace octet::model {

Loaded::Loaded(const std::filesystem::path& path, ComputeContext& compute, bool follow_links,
               Start start)
    : team_(compute.team()) {
    if (start == Start::kAtOnce && team_.size() > 1) begin_tokenizer(path);
    weights_ = Weights::open(path, io::links_of(follow_links));
    config_ =
        weights_.gguf() != nullptr ? config_of(*weights_.gguf()) : read_config(weights_.folder());
    if (start == Start::kAtOnce) pages_.emplace(weights_, team_);
    if (pages_) pages_->read_missing();
    if (pages_) pages_->begin_to_map();
    network_ = open_model(weights_, config_, compute);
}

// What is wrong with the model is left to those who open it.
void Loaded::begin_tokenizer(const std::filesystem::path& path) {
    try {
        const checkpoint::Location location = checkpoint::locate(path);
        if (location.what == checkpoint::Location::What::kGguf)
            return;  // which is open when the weights are
        const std::filesystem::path folder = location.folder;
        if (!tokenize::may_have_tokenizer(folder)) return;
        coming_tokenizer_.emplace([folder] {
            const Config config = read_config(folder);
            return tokenize::has_tokenizer_files(folder, config.family)
                       ? tokenize::open_tokenizer(folder, config.family)
                       : nullptr;
        });
    } catch (const Error&) {
        return;
    }
}

bool Loaded::has_tokenizer() {
    const bool is_gguf = weights_.gguf() != nullptr;
    if (!tokenizer_ && !is_gguf &&
        !tokenize::has_tokenizer_files(weights_.folder(), config_.family))
        return false;
    try {
        return tokenizer(), true;
    } catch (const Error&) {
        return false;
    }
}

const Tokenizer& Loaded::tokenizer() {
    if (coming_tokenizer_) {
        tokenizer_ = coming_tokenizer_->result();
        coming_tokenizer_.reset();
        team_.spread_out();
    }
    if (!tokenizer_ && weights_.gguf() != nullptr) tokenizer_ = tokenizer_of(*weights_.gguf());
    if (!tokenizer_) tokenizer_ = tokenize::open_tokenizer(weights_.folder(), config_.family);
    return *tokenizer_;
}

}  // namespace octet::model
