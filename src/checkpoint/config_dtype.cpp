// Walks over the tokens of a JSON text that was parsed before and is therefore valid, and replaces
// only the strings under `dtype` and `torch_dtype`, so that every other byte stays.
#include "checkpoint/config_dtype.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include <nlohmann/json.hpp>

namespace octet::checkpoint {
namespace {

using nlohmann::json;

constexpr std::string_view kSpace = " \t\r\n";

std::string_view framework_name(Dtype dtype) {
    if (dtype == Dtype::kF16) return "float16";
    return dtype == Dtype::kBF16 ? "bfloat16" : "float32";
}

bool is_float_name(std::string_view name) {
    static constexpr std::array<std::string_view, 8> kNames = {
        "float32", "float16", "bfloat16", "float64", "half", "float", "double", "auto"};
    if (name.starts_with("torch.")) name.remove_prefix(6);
    return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

/// Walks over the tokens of valid JSON and finds the values to change.
class Finder {
  public:
    explicit Finder(std::string_view text) : text_(text) {}

    struct Value {
        std::size_t begin = 0;  ///< behind its first quote
        std::size_t size = 0;
    };

    std::vector<Value> find() {
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '"') {
                take_string();
                continue;
            }
            if (c == '{' || c == '[') keys_.emplace_back(c == '{' ? key_ : std::string());
            if ((c == '}' || c == ']') && !keys_.empty()) keys_.pop_back();
            ++at_;
        }
        return std::move(found_);
    }

  private:
    /// A key is a string with a colon behind it.
    void take_string() {
        const std::size_t begin = at_ + 1;
        for (++at_; text_[at_] != '"'; ++at_) at_ += text_[at_] == '\\' ? 1U : 0U;
        const std::string_view content = text_.substr(begin, at_ - begin);
        ++at_;
        const std::size_t next = text_.find_first_not_of(kSpace, at_);
        if (next != text_.npos && text_[next] == ':') {
            key_ = content;
            const std::size_t value = text_.find_first_not_of(kSpace, next + 1);
            at_ = value;
            if (text_[value] == '"' && is_wanted()) take_value(value + 1);
        }
    }

    bool is_wanted() const {
        return (key_ == "torch_dtype" || key_ == "dtype") &&
               std::find(keys_.begin(), keys_.end(), "quantization_config") == keys_.end();
    }

    void take_value(std::size_t begin) {
        const std::size_t size = text_.find('"', begin) - begin;
        if (is_float_name(text_.substr(begin, size))) found_.push_back({begin, size});
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::string key_;
    std::vector<std::string> keys_;  ///< of the objects around
    std::vector<Value> found_;
};

}  // namespace

std::string with_dtype(std::string_view config, Dtype dtype) {
    std::string text(config);
    const json parsed = json::parse(config, nullptr, false);
    if (!parsed.is_object()) return text;
    const std::vector<Finder::Value> found = Finder(config).find();
    for (auto value = found.rbegin(); value != found.rend(); ++value)
        text.replace(value->begin, value->size, framework_name(dtype));
    if (!found.empty() || parsed.contains("torch_dtype") || parsed.contains("dtype")) return text;
    const std::size_t open = text.find('{') + 1;
    const std::size_t first = text.find_first_not_of(kSpace, open);
    const std::string space = text.substr(open, first - open);
    const std::string_view comma = parsed.empty() ? "" : ",";
    text.insert(open, space + "\"torch_dtype\": \"" + std::string(framework_name(dtype)) + "\"" +
                          std::string(comma) + (comma.empty() || !space.empty() ? "" : " "));
    return text;
}

}  // namespace octet::checkpoint
