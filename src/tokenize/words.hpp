// The words of a byte-level BPE as GPT-2 has it: its pattern cuts a text into them before anything
// merges.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

namespace octet::tokenize {

class Words {
  public:
    Words();
    ~Words();

    /// Calls `call` with each word, in order; together they are the text. Text that is not UTF-8:
    /// kBadInput.
    void for_each(std::string_view text,
                  const std::function<void(std::string_view word)>& call) const;

  private:
    struct Pattern;
    std::unique_ptr<const Pattern> pattern_;
};

}  // namespace octet::tokenize
