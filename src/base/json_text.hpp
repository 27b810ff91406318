// Writing JSON text: the same bytes for the same values on every machine. (Reading JSON is
// nlohmann's business.) A writer appends to a string that it does not own; nothing is kept in
// memory but that text.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace octet {

/// `text` as a JSON string with its quotes. Must be valid UTF-8 (safetensors headers and our file
/// names are checked before); control characters are escaped, everything else stands as it is.
void append_json_string(std::string& out, std::string_view text);

void append_json_integer(std::string& out, std::uint64_t value);

/// A finite float32 with the fewest digits that read back to the same float, both directly and by
/// way of a double (which is what Python's json does). Integral values keep a ".0", so that a float
/// is never taken for an integer.
void append_json_float(std::string& out, float value);

/// A statistic: six significant digits; "inf", "-inf", "nan" as strings.
void append_json_statistic(std::string& out, double value);

/// `value` rounded to six significant decimal digits, as append_json_statistic prints it. A NaN
/// loses its sign.
double six_digits(double value);

/// The smallest number of six significant decimal digits that is not below `value` >= 0: for what
/// is promised not to be exceeded.
double six_digits_up(double value);

/// Takes a text piece by piece.
using TextSink = std::function<void(std::string_view piece)>;

/// Builds one JSON text with commas and, where asked, line breaks. Misuse (a key outside an object)
/// is not checked. Where there is a sink it gets what is done whenever that is much, and the string
/// in the end holds the rest.
class JsonWriter {
  public:
    enum class Style {
        kCompact,
        kLines
    };  ///< kLines: members of the outermost two levels on lines of their own

    explicit JsonWriter(std::string& out, Style style = Style::kCompact, TextSink sink = {})
        : out_(out), style_(style), sink_(std::move(sink)) {}

    JsonWriter& begin_object();
    JsonWriter& end_object();
    JsonWriter& begin_array();
    JsonWriter& end_array();
    JsonWriter& key(std::string_view name);
    JsonWriter& string(std::string_view value);
    JsonWriter& integer(std::uint64_t value);
    JsonWriter& boolean(bool value);
    JsonWriter& float32(float value);
    JsonWriter& statistic(double value);
    JsonWriter& number(
        double value);  ///< all its digits; whole ones without ".0"; not finite: as a statistic
    JsonWriter& raw(std::string_view json);  ///< a value that is JSON text already

  private:
    void separate();
    void close(char bracket);
    void break_line();

    std::string& out_;
    Style style_;
    TextSink sink_;
    std::vector<bool> has_member_;
    bool after_key_ = false;
};

}  // namespace octet
