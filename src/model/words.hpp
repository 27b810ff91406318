// The words of a byte-level BPE as GPT-2 has it: its pattern cuts a text into them before anything merges.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "model/merges.hpp"
#include "model/tokenizer.hpp"

namespace octet::model {

class Words {
  public:
    enum class Use : std::uint8_t {
        kOnce,  ///< for a short text
        kOften  ///< with machine code made for the pattern first, which takes as long as some hundred words
    };

    explicit Words(Use use);
    ~Words();

    /// Calls `call` with each word, in order; together they are the text. Text that is not UTF-8: kBadInput.
    void for_each(std::string_view text, const std::function<void(std::string_view word)>& call) const;

  private:
    struct Pattern;
    std::unique_ptr<const Pattern> pattern_;
};

/// The ids of a text. A byte that has no token: kBadInput.
Ids encode_words(std::string_view text, const Words& words, const BpeTables& tables);

}  // namespace octet::model
