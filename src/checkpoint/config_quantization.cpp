// Walks over the tokens of a JSON text that was parsed before and is therefore valid, notes where
// the members begin and end, and cuts them out from behind, each with one comma.
#include "checkpoint/config_quantization.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <nlohmann/json.hpp>

namespace octet::checkpoint {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

bool is_quantization(std::string_view key) {
    static constexpr std::array<std::string_view, 3> kKeys = {"quantization_config",
                                                              "compression_config", "quantization"};
    return std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end();
}

/// A member of an object: from its key's quote to behind its value.
struct Member {
    std::size_t begin = 0;
    std::size_t end = 0;
};

class Walk {
  public:
    explicit Walk(std::string_view text) : text_(text) { skip_space(); }

    std::vector<Member> find() {
        walk_object(true);
        return std::move(found_);
    }

  private:
    void skip_space() { at_ = std::min(text_.find_first_not_of(kSpace, at_), text_.size()); }

    /// Behind a string that begins here.
    void skip_string() {
        for (++at_; text_[at_] != '"'; ++at_) at_ += text_[at_] == '\\' ? 1U : 0U;
        ++at_;
    }

    /// Behind a value that begins here: brackets are balanced, whatever lies in strings.
    void skip_value() {
        std::size_t depth = 0;
        do {
            const char c = text_[at_];
            if (c == '"') {
                skip_string();
            } else if (c == '{' || c == '[') {
                ++depth;
                ++at_;
            } else if (c == '}' || c == ']') {
                --depth;
                ++at_;
            } else {
                at_ = depth > 0 ? at_ + 1
                                : std::min(text_.find_first_of(" \t\r\n,}]", at_), text_.size());
            }
        } while (depth > 0);
    }

    /// Notes the members of the object that begins here, and of its "text_config" where
    /// `looks_inside`.
    void walk_object(bool looks_inside) {
        ++at_;
        for (skip_space(); text_[at_] != '}'; skip_space()) {
            if (text_[at_] == ',') {
                ++at_;
                continue;
            }
            const std::size_t begin = at_;
            skip_string();
            const std::string_view key = text_.substr(begin + 1, at_ - begin - 2);
            skip_space();
            ++at_;  // the colon
            skip_space();
            if (looks_inside && key == "text_config" && text_[at_] == '{') {
                walk_object(false);
            } else {
                skip_value();
            }
            if (is_quantization(key)) found_.push_back({begin, at_});
        }
        ++at_;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::vector<Member> found_;
};

/// With the comma behind it, or the one before it where it is the last.
void cut_out(const Member& member, std::string& text) {
    const std::size_t next = text.find_first_not_of(kSpace, member.end);
    std::size_t begin = member.begin;
    std::size_t end = member.end;
    if (text[next] == ',') {
        end = text.find_first_not_of(kSpace, next + 1);
    } else if (const std::size_t before = text.find_last_not_of(kSpace, begin - 1);
               text[before] == ',') {
        begin = before;
    }
    text.erase(begin, end - begin);
}

}  // namespace

std::string without_quantization(std::string_view config) {
    std::string text(config);
    if (!nlohmann::json::parse(config, nullptr, false).is_object()) return text;
    const std::vector<Member> found = Walk(config).find();
    for (auto member = found.rbegin(); member != found.rend(); ++member) cut_out(*member, text);
    return text;
}

}  // namespace octet::checkpoint
