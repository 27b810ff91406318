// One handler of JSON events with the path of keys that lead to each value; what no GGUF file needs
// is passed over.
#include "formats/gguf/tokenizer_text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet::gguf {
namespace {

using nlohmann::json;

/// The events of a JSON text, with the keys that lead to each value. Lists are one step, "[]".
class Events : public nlohmann::json_sax<json> {
  public:
    Events(TokenizerText& text, std::string vocabulary)
        : text_(text), vocabulary_(std::move(vocabulary)) {}

    bool null() override { return value(); }
    bool boolean(bool is_on) override {
        if (is_in("/added_tokens/[]") && last_ == "special") text_.added.back().is_special = is_on;
        if (is_in("/model") && last_ == "byte_fallback") text_.has_byte_fallback = is_on;
        if (is_cutter() && last_ == "individual_digits")
            text_.splits_digits = text_.splits_digits || is_on;
        return value();
    }
    bool number_integer(number_integer_t /*number*/) override { return fits() && value(); }
    bool number_unsigned(number_unsigned_t number) override {
        if (is_in(vocabulary_)) text_.tokens.emplace_back(last_, number);
        if (is_in("/added_tokens/[]") && last_ == "id") text_.added.back().number = number;
        return value();
    }
    bool number_float(number_float_t /*number*/, const string_t& /*text*/) override {
        return fits() && value();
    }
    bool string(string_t& text) override {
        if (!fits()) return false;
        if (is_in("/model/merges")) text_.merges.push_back(text);
        if (is_in("/model/merges/[]")) add_half(text);
        if (is_in("/added_tokens/[]") && last_ == "content") text_.added.back().text = text;
        if (is_in("/model") && last_ == "type") text_.model_type = text;
        if (is_cutter() && last_ == "type") text_.cutters.push_back(text);
        if (path_.starts_with("/pre_tokenizer/") && (last_ == "Regex" || last_ == "String"))
            text_.patterns.push_back(text);
        return value();
    }
    bool binary(binary_t& /*bytes*/) override { return false; }
    bool start_object(std::size_t /*size*/) override {
        enter();
        if (path_ == "/added_tokens/[]") text_.added.emplace_back();
        return path_.size() < kMostPath;
    }
    bool key(string_t& key) override {
        last_ = std::move(key);
        return true;
    }
    bool end_object() override { return leave(); }
    bool start_array(std::size_t /*size*/) override {
        enter();
        last_ = "[]";
        halves_ = 0;
        return path_.size() < kMostPath;
    }
    bool end_array() override { return leave(); }
    bool parse_error(std::size_t at, const std::string& /*token*/,
                     const json::exception& /*error*/) override {
        problem = fmt::format("is no JSON at byte {}", with_commas(at));
        return false;
    }

    std::string problem;

  private:
    static constexpr std::size_t kMostPath = 4096;

    bool is_in(std::string_view path) const { return path_ == path; }

    bool is_cutter() const {
        return path_ == "/pre_tokenizer" || path_ == "/pre_tokenizer/pretokenizers/[]";
    }

    bool value() { return true; }

    /// In the vocabulary nothing stands but numbers of tokens.
    bool fits() {
        if (!is_in(vocabulary_)) return true;
        problem = fmt::format("has token {} with a number that is none", in_quotes(last_));
        return false;
    }

    void add_half(const std::string& half) {
        if (halves_++ == 0) {
            text_.merges.push_back(half);
        } else {
            text_.merges.back() += " " + half;
        }
    }

    /// The path of what stands in an object or list that begins under the last key.
    void enter() {
        lengths_.push_back(path_.size());
        if (lengths_.size() > 1) path_ += "/" + last_;
    }

    bool leave() {
        path_.resize(lengths_.back());
        lengths_.pop_back();
        last_ = "[]";  // where that was a member of a list
        return true;
    }

    TokenizerText& text_;
    std::string vocabulary_;
    std::string path_;
    std::vector<std::size_t> lengths_;
    std::string last_;
    std::size_t halves_ = 0;
};

void read_events(std::string_view text, std::string_view name, std::string vocabulary,
                 TokenizerText& result) {
    Events events(result, std::move(vocabulary));
    if (json::sax_parse(text, &events)) return;
    const std::string what =
        events.problem.empty() ? "is no tokenizer as octet knows them" : events.problem;
    throw Error(ErrorCode::kBadInput, printable(name), what + "; fetch it again");
}

}  // namespace

TokenizerText parse_tokenizer(std::string_view text, std::string_view name) {
    TokenizerText result;
    read_events(text, name, "/model/vocab", result);
    return result;
}

TokenizerText parse_vocabulary(std::string_view vocabulary, std::string_view vocabulary_name,
                               std::string_view merges) {
    TokenizerText result;
    result.model_type = "BPE";
    read_events(vocabulary, vocabulary_name, "", result);
    for (std::size_t at = 0; at < merges.size();) {
        const std::size_t end = std::min(merges.find('\n', at), merges.size());
        std::string_view line = merges.substr(at, end - at);
        if (line.ends_with('\r')) line.remove_suffix(1);
        const bool is_version = at == 0 && line.starts_with("#version");
        if (!line.empty() && !is_version) result.merges.emplace_back(line);
        at = end + 1;
    }
    return result;
}

}  // namespace octet::gguf
