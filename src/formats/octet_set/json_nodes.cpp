// The plain form is read by hand in one pass, with few levels and keys held against each other. It
// judges nothing: what is not plain is left to the JSON library, which alone refuses.
#include "formats/octet_set/json_nodes.hpp"

#include <charconv>
#include <system_error>

namespace octet::octet_set {
namespace {

constexpr int kMostDepth = 4;
constexpr std::size_t kMostNodes =
    256;  // ten times as many as a tensor's entry has: what is quadratic stays small
constexpr std::size_t kMostDigits = 19;  // of them every number fits in 64 bits

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

bool is_space(char c) noexcept {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/// What stands in a string for itself, of one byte.
bool is_plain(char c) noexcept {
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

/// Few members: each is held against those before it.
bool has_key_twice(const JsonNode& object) noexcept {
    bool is_twice = false;
    for_each_child(object, [&](const JsonNode& child) {
        is_twice |= find_member(object, child.key) != &child;
    });
    return is_twice;
}

}  // namespace

const JsonNode* find_member(const JsonNode& object, std::string_view key) noexcept {
    if (object.kind != JsonNode::Kind::kObject) return nullptr;
    const JsonNode* const end = &object + object.size;
    for (const JsonNode* child = &object + 1; child < end; child += child->size) {
        if (child->key == key) return child;
    }
    return nullptr;
}

bool PlainJson::take(char wanted) noexcept {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    if (at_ == text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
}

std::optional<std::string_view> PlainJson::string() noexcept {
    if (!take('"')) return std::nullopt;
    const std::size_t start = at_;
    while (at_ < text_.size() && is_plain(text_[at_])) ++at_;
    if (at_ == text_.size() || text_[at_] != '"') return std::nullopt;
    return text_.substr(start, at_++ - start);
}

// JSON's grammar is narrower than that of from_chars: a digit before the point and behind it, no
// needless zero.
bool PlainJson::number(JsonNode& node) noexcept {
    const std::size_t start = at_;
    const auto digits = [&] {
        const std::size_t first = at_;
        while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
        return at_ - first;
    };
    const auto is_next = [&](char a, char b) {
        return at_ < text_.size() && (text_[at_] == a || text_[at_] == b);
    };
    const bool is_negative = is_next('-', '-');
    if (is_negative) ++at_;
    const std::size_t before_point = at_;
    const std::size_t count = digits();
    if (count == 0 || count > kMostDigits || (count > 1 && text_[before_point] == '0'))
        return false;
    const std::size_t whole_end = at_;
    if (is_next('.', '.')) {
        ++at_;
        if (digits() == 0) return false;
    }
    if (is_next('e', 'E')) {
        ++at_;
        if (is_next('+', '-')) ++at_;
        if (digits() == 0) return false;
    }
    const char* const begin = text_.data() + start;
    const char* const end = text_.data() + at_;
    if (at_ == whole_end) {
        node.kind = JsonNode::Kind::kUnsigned;
        if (is_negative || std::from_chars(begin, end, node.whole).ec != std::errc()) return false;
        node.number = static_cast<double>(node.whole);
        return true;
    }
    node.kind = JsonNode::Kind::kNumber;
    const auto [stop, error] = std::from_chars(begin, end, node.number);
    return error == std::errc() && stop == end;
}

bool PlainJson::value(std::vector<JsonNode>& nodes, int depth) {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    if (at_ == text_.size() || depth > kMostDepth || nodes.size() == kMostNodes) return false;
    const std::size_t place = nodes.size();
    nodes.emplace_back();
    const char first = text_[at_];
    if (first == '{' || first == '[') {
        nodes[place].kind = first == '{' ? JsonNode::Kind::kObject : JsonNode::Kind::kArray;
        return members(nodes, place, depth);
    }
    if (first != '"') return number(nodes[place]);
    const std::optional<std::string_view> text = string();
    nodes[place].kind = JsonNode::Kind::kString;
    nodes[place].text = text.value_or("");
    return text.has_value();
}

/// From the opening bracket to the closing one.
bool PlainJson::members(std::vector<JsonNode>& nodes, std::size_t parent, int depth) {
    const bool is_object = text_[at_++] == '{';
    const char close = is_object ? '}' : ']';
    for (bool is_first = true; !take(close); is_first = false) {
        if (!is_first && !take(',')) return false;
        std::optional<std::string_view> key = "";
        if (is_object) key = string();
        if (!key || (is_object && !take(':'))) return false;
        const std::size_t child = nodes.size();
        if (!value(nodes, depth + 1)) return false;
        nodes[child].key = *key;
    }
    nodes[parent].size = nodes.size() - parent;
    return !is_object || !has_key_twice(nodes[parent]);
}

}  // namespace octet::octet_set
