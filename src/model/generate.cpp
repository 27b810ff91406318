// generate(): the prompt in one pass, then a token at a time, until the end token, the number asked
// for, the end of the context, or a network that computes no number.
#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "base/text.hpp"
#include "model/loaded.hpp"
#include "model/sampler.hpp"
#include "octet/error.hpp"
#include "octet/model.hpp"

namespace octet {

std::string_view stop_name(Stop stop) noexcept {
    return stop == Stop::kEnd ? "end" : stop == Stop::kLength ? "length" : "context";
}

}  // namespace octet

namespace octet::model {
namespace {

using Clock = std::chrono::steady_clock;

/// New tokens that there is room for before the first; a T5 may be asked for a million and end
/// after one.
constexpr std::uint64_t kFirstRoom = 256;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

Ids prompt_ids(Loaded& loaded, const GenerateOptions& options) {
    Ids ids;
    if (options.ids) {
        ids = *options.ids;
        if (ids.empty())
            throw Error(ErrorCode::kUsage, "--prompt-ids",
                        "no id; give numbers with commas between them");
    } else {
        if (options.prompt.empty())
            throw Error(ErrorCode::kUsage, "the prompt", "is empty; give some text");
        if (!is_utf8(options.prompt))
            throw Error(ErrorCode::kBadInput, "the prompt", "is not valid UTF-8; convert it");
        ids = loaded.tokenizer().encode(options.prompt);
        if (loaded.is_t5()) ids.push_back(loaded.config().end_token);
    }
    const std::uint64_t most = loaded.config().positions;
    if (most > 0 && ids.size() > most) {
        throw Error(ErrorCode::kBadInput, "the prompt",
                    fmt::format("has {} tokens, the model reads {} at most; shorten it",
                                with_commas(ids.size()), with_commas(most)));
    }
    return ids;
}

/// Decodes what is there so far, and tells the listener when whole characters have come.
class Listener {
  public:
    Listener(const Tokenizer* tokenizer, const GenerateOptions& options, Generation& result)
        : tokenizer_(tokenizer), options_(options), result_(result) {}

    void token_came() {
        if (tokenizer_ == nullptr) return;
        const std::string text = tokenizer_->decode(result_.ids);
        const std::size_t common = text.starts_with(result_.text) ? result_.text.size() : 0;
        result_.pieces.push_back(text.substr(common));
        result_.text = text;
        if (options_.on_text && !text.ends_with("\xEF\xBF\xBD")) options_.on_text(text);
    }

  private:
    const Tokenizer* tokenizer_;
    const GenerateOptions& options_;
    Generation& result_;
};

}  // namespace
}  // namespace octet::model

namespace octet {

Generation generate(const std::filesystem::path& path, const GenerateOptions& options) {
    using namespace model;
    const auto begun = Clock::now();
    Sampler sampler(options.sampling);
    if (options.max_new_tokens == 0 || options.max_new_tokens > 1'000'000)
        throw Error(ErrorCode::kUsage, "--max-new-tokens",
                    fmt::format("{} is not a number from 1 to 1,000,000",
                                with_commas(options.max_new_tokens)));
    ComputeContext compute(options.threads);
    Loaded loaded(path, compute, options.follow_links, Start::kAtOnce);
    const Config& config = loaded.config();
    Generation result;
    result.input = path.native();
    result.continues_prompt = !loaded.is_t5();
    result.prompt_ids = prompt_ids(loaded, options);
    // Ids can do without: ids in, ids out.
    const Tokenizer* const tokenizer =
        !options.ids || loaded.has_tokenizer() ? &loaded.tokenizer() : nullptr;
    result.prompt = options.ids ? (tokenizer != nullptr ? tokenizer->decode(result.prompt_ids) : "")
                                : options.prompt;

    const auto start = Clock::now();
    const Ids read = loaded.is_t5() ? Ids{config.start_token} : result.prompt_ids;
    std::uint64_t room = read.size() + options.max_new_tokens;
    if (config.positions > 0) room = std::min(room, config.positions);
    const std::uint64_t first_room = std::min<std::uint64_t>(room, read.size() + kFirstRoom);
    Sequence sequence =
        loaded.network().begin(loaded.is_t5() ? result.prompt_ids : Ids{}, first_room);
    Matrix hidden;
    Matrix logits;
    loaded.network().advance(sequence, read, hidden);
    Listener listener(tokenizer, options, result);
    while (true) {
        if (options.stop_requested && options.stop_requested())
            throw Error(ErrorCode::kInterrupted, "interrupted; nothing was changed");
        loaded.network().logits(hidden, hidden.rows - 1, 1, logits);
        const std::uint32_t token = sampler.choose(logits.row_span(0));
        if (!std::isfinite(logits.row(0)[token]))
            throw Error(
                ErrorCode::kBadInput, printable(path.native()),
                fmt::format(
                    "computes {} for its next token after {}; its weights or its config are broken",
                    logits.row(0)[token], counted(read.size() + result.ids.size(), "token")));
        if (result.prompt_seconds == 0) result.prompt_seconds = seconds_since(start);
        if (token == config.end_token) {
            result.stop = Stop::kEnd;
            break;
        }
        result.ids.push_back(token);
        listener.token_came();
        if (result.ids.size() == options.max_new_tokens) break;
        if (sequence.length == room) {
            result.stop = Stop::kContext;
            break;
        }
        loaded.network().advance(sequence, Ids{token}, hidden);
    }
    const double rest = seconds_since(start) - result.prompt_seconds;
    if (result.ids.size() > 1)
        result.tokens_per_second = static_cast<double>(result.ids.size() - 1) / rest;
    result.seconds = seconds_since(begun);
    loaded.give_back();
    compute.team().release();
    return result;
}

}  // namespace octet
