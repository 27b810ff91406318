// JSON values of a sidecar as nodes in a row, whether the JSON library made them or they come
// straight from a text in its plain form, which takes a tenth of the time. Nodes hold no memory of
// their own: keys and strings are views of what they were made from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace octet::octet_set {

/// A value; those inside it follow it, each with its own behind it.
struct JsonNode {
    enum class Kind : std::uint8_t { kOther, kUnsigned, kNumber, kString, kArray, kObject };

    std::string_view key = {};   ///< of a member of an object
    std::string_view text = {};  ///< of a string
    std::uint64_t whole = 0;     ///< of a kUnsigned
    double number = 0;           ///< of a kUnsigned and a kNumber
    std::size_t size = 1;        ///< nodes of the value, itself among them
    Kind kind = Kind::kOther;

    bool is_number() const noexcept { return kind == Kind::kUnsigned || kind == Kind::kNumber; }
    bool is_string(std::string_view wanted) const noexcept {
        return kind == Kind::kString && text == wanted;
    }
};

/// Calls visit(child) for everything directly inside the object or array `parent`, which is
/// followed by what is inside it.
template <typename Visit>
void for_each_child(const JsonNode& parent, Visit&& visit) {
    const JsonNode* const end = &parent + parent.size;
    for (const JsonNode* child = &parent + 1; child < end; child += child->size) visit(*child);
}

/// The member of that key, or null. Only objects have any.
const JsonNode* find_member(const JsonNode& object, std::string_view key) noexcept;

/// Reads a text in its plain form from the front. It judges nothing: what is not plain, everything
/// broken among it, is left to the JSON library. Plain are white space, strings of printable ASCII
/// without escapes, numbers of at most 19 digits before the point that a double can hold and that
/// are not negative and whole, and, at most 4 levels deep and 256 values in all, arrays and objects
/// of no key twice.
class PlainJson {
  public:
    PlainJson(std::string_view text, std::size_t at) noexcept : text_(text), at_(at) {}

    std::size_t at() const noexcept { return at_; }

    /// Takes that character, and white space before it; false where another stands there.
    bool take(char wanted) noexcept;

    /// Takes a string.
    std::optional<std::string_view> string() noexcept;

    /// Takes a value and appends its nodes. False where it is not plain: then some of them are
    /// there.
    bool value(std::vector<JsonNode>& nodes, int depth = 0);

  private:
    bool number(JsonNode& node) noexcept;
    bool members(std::vector<JsonNode>& nodes, std::size_t parent, int depth);

    std::string_view text_;
    std::size_t at_;
};

}  // namespace octet::octet_set
