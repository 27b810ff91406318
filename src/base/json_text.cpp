// A float32 is written with the fewest digits that read back to it through a double, as most
// readers take numbers; positional between 1e-4 and 1e16, in powers of ten outside. Everything here
// is the same on every machine, as it makes bytes of sidecars.
#include "base/json_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <limits>

#include <fmt/format.h>

namespace octet {
namespace {

/// The value in scientific form with that many digits; with 0, the fewest that read back to the
/// same float.
std::string_view float_digits(float value, int digits, std::array<char, 64>& buffer) {
    char* const first = buffer.data();
    char* const last = first + buffer.size();
    const auto result =
        digits == 0 ? std::to_chars(first, last, value, std::chars_format::scientific)
                    : std::to_chars(first, last, value, std::chars_format::scientific, digits - 1);
    return {first, static_cast<std::size_t>(result.ptr - first)};
}

/// The fewest digits that read back to the same double.
std::string_view shortest_text(double value, std::array<char, 64>& buffer) {
    const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    return {buffer.data(), static_cast<std::size_t>(result.ptr - buffer.data())};
}

/// How many significant digits a number in decimal has at most: zeros at its end may be none.
std::size_t most_digits(std::string_view text) {
    text = text.substr(0, text.find('e'));
    text.remove_prefix(std::min(text.find_first_not_of("-0."), text.size()));
    return text.size() - (text.find('.') == std::string_view::npos ? 0 : 1);
}

/// "-1.25e+02" as "-125.0": positional between 1e-4 and 1e16, as Python prints it, scientific
/// elsewhere.
std::string positional(std::string_view scientific) {
    const std::size_t e = scientific.find('e');
    const int exponent = std::atoi(std::string(scientific.substr(e + 1)).c_str());
    if (exponent < -4 || exponent >= 16) return std::string(scientific);
    std::string digits(scientific.substr(0, e));
    const std::string sign = digits.front() == '-' ? "-" : "";
    std::erase_if(digits, [](char c) { return c == '-' || c == '.'; });
    if (exponent < 0)
        return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
    const auto whole = static_cast<std::size_t>(exponent) + 1;
    if (digits.size() <= whole)
        return sign + digits + std::string(whole - digits.size(), '0') + ".0";
    return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

bool reads_back_through_double(std::string_view text, float value) {
    double parsed = 0;
    std::from_chars(text.data(), text.data() + text.size(), parsed);
    return static_cast<float>(parsed) == value;
}

void append_number_text(std::string& out, std::string_view text) {
    out += text;
    if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

/// The characters that a JSON string escapes: looked up, as every character of every name is asked
/// for.
constexpr std::array<bool, 256> escaped_characters() {
    std::array<bool, 256> escaped{};
    for (std::size_t c = 0; c < 0x20; ++c) escaped[c] = true;
    escaped['"'] = escaped['\\'] = true;
    return escaped;
}

bool is_escaped(char c) {
    static constexpr std::array<bool, 256> kEscaped = escaped_characters();
    return kEscaped[static_cast<unsigned char>(c)];
}

void append_escaped(std::string& out, char c) {
    switch (c) {
        case '"':
            out += "\\\"";
            break;
        case '\\':
            out += "\\\\";
            break;
        case '\n':
            out += "\\n";
            break;
        case '\r':
            out += "\\r";
            break;
        case '\t':
            out += "\\t";
            break;
        default:
            if (is_escaped(c)) {
                out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
            } else {
                out += c;
            }
    }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    if (std::none_of(text.begin(), text.end(), is_escaped)) {
        out += text;
    } else {
        for (const char c : text) append_escaped(out, c);
    }
    out += '"';
}

void append_json_integer(std::string& out, std::uint64_t value) {
    char digits[std::numeric_limits<std::uint64_t>::digits10 + 1];
    out.append(digits, std::to_chars(std::begin(digits), std::end(digits), value).ptr);
}

void append_json_float(std::string& out, float value) {
    std::array<char, 64> buffer;
    std::string_view text = float_digits(value, 0, buffer);
    for (int digits = 2; !reads_back_through_double(text, value) && digits <= 17; ++digits) {
        text = float_digits(value, digits, buffer);
    }
    out += positional(text);
}

void append_json_statistic(std::string& out, double value) {
    if (std::isnan(value)) {
        out += "\"nan\"";
    } else if (std::isinf(value)) {
        out += value > 0 ? "\"inf\"" : "\"-inf\"";
    } else {
        std::array<char, 64> buffer;
        // What was rounded before, as most of them were, is not rounded again: no number of six
        // digits is nearer.
        std::string_view text = shortest_text(value, buffer);
        if (most_digits(text) > 6) text = shortest_text(six_digits(value), buffer);
        append_number_text(out, text);
    }
}

double six_digits(double value) {
    if (std::isnan(value))
        return std::numeric_limits<double>::quiet_NaN();  // no "-nan" in messages
    if (!std::isfinite(value)) return value;
    std::array<char, 64> buffer;
    char* const last = buffer.data() + buffer.size();
    const auto printed =
        std::to_chars(buffer.data(), last, value, std::chars_format::scientific, 5);
    double rounded = 0;
    std::from_chars(buffer.data(), printed.ptr, rounded);
    return rounded;
}

double six_digits_up(double value) {
    const double rounded = six_digits(value);
    if (!(rounded < value)) return rounded;
    const std::string text = fmt::format("{:.5e}", rounded);  // "1.23456e-05"
    const std::size_t e = text.find('e');
    const int digits = std::atoi((text.substr(0, 1) + text.substr(2, e - 2)).c_str());
    const std::string next =
        fmt::format("{}e{}", digits + 1, std::atoi(text.substr(e + 1).c_str()) - 5);
    double above = 0;
    std::from_chars(next.data(), next.data() + next.size(), above);
    return above;
}

void JsonWriter::break_line() {
    out_ += '\n';
    out_.append(2 * has_member_.size(), ' ');
}

void JsonWriter::separate() {
    if (after_key_) {
        after_key_ = false;
        return;
    }
    if (has_member_.empty()) return;
    if (has_member_.back()) out_ += ',';
    has_member_.back() = true;
    if (style_ == Style::kLines && has_member_.size() <= 2) {
        break_line();
    } else if (out_.back() == ',') {
        out_ += ' ';
    }
}

/// What a sink gets at once, at least.
constexpr std::size_t kPieceBytes = 64U << 10U;

void JsonWriter::close(char bracket) {
    const bool had_members = has_member_.back();
    has_member_.pop_back();
    if (style_ == Style::kLines && had_members && has_member_.size() < 2) break_line();
    out_ += bracket;
    if (!sink_ || out_.size() < kPieceBytes) return;
    sink_(std::string_view(out_).substr(
        0, out_.size() - 1));  // what comes next looks at the last character
    out_.erase(0, out_.size() - 1);
}

JsonWriter& JsonWriter::begin_object() {
    separate();
    out_ += '{';
    has_member_.push_back(false);
    return *this;
}

JsonWriter& JsonWriter::end_object() {
    close('}');
    return *this;
}

JsonWriter& JsonWriter::begin_array() {
    separate();
    out_ += '[';
    has_member_.push_back(false);
    return *this;
}

JsonWriter& JsonWriter::end_array() {
    close(']');
    return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
    separate();
    append_json_string(out_, name);
    out_ += ": ";
    after_key_ = true;
    return *this;
}

JsonWriter& JsonWriter::string(std::string_view value) {
    separate();
    append_json_string(out_, value);
    return *this;
}

JsonWriter& JsonWriter::integer(std::uint64_t value) {
    separate();
    append_json_integer(out_, value);
    return *this;
}

JsonWriter& JsonWriter::boolean(bool value) {
    separate();
    out_ += value ? "true" : "false";
    return *this;
}

JsonWriter& JsonWriter::float32(float value) {
    separate();
    append_json_float(out_, value);
    return *this;
}

JsonWriter& JsonWriter::statistic(double value) {
    separate();
    append_json_statistic(out_, value);
    return *this;
}

JsonWriter& JsonWriter::number(double value) {
    if (!std::isfinite(value)) return statistic(value);
    separate();
    out_ += fmt::format("{}", value);
    return *this;
}

JsonWriter& JsonWriter::raw(std::string_view json) {
    separate();
    out_ += json;
    return *this;
}

}  // namespace octet
