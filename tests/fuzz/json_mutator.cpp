// Mutations that know JSON: numbers become interesting numbers, strings become other strings of the
// same text, members are doubled, dropped and moved. Half of all mutations are libFuzzer's own,
// with its dictionary.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

using Random = std::minstd_rand;

constexpr std::array<std::string_view, 30> kNumbers = {"0",
                                                       "1",
                                                       "-1",
                                                       "-0",
                                                       "2",
                                                       "3",
                                                       "4",
                                                       "7",
                                                       "8",
                                                       "16",
                                                       "255",
                                                       "256",
                                                       "65535",
                                                       "4294967295",
                                                       "4294967296",
                                                       "9223372036854775807",
                                                       "9223372036854775808",
                                                       "18446744073709551615",
                                                       "18446744073709551616",
                                                       "1e999",
                                                       "-1e999",
                                                       "1e-999",
                                                       "0.5",
                                                       "3.4e38",
                                                       "1e39",
                                                       "1e-45",
                                                       "00",
                                                       "0x1",
                                                       "1.",
                                                       "123456789012345678901234567890"};

constexpr std::array<std::string_view, 29> kValues = {"null",
                                                      "true",
                                                      "false",
                                                      "{}",
                                                      "[]",
                                                      "[[]]",
                                                      "{\"a\":{}}",
                                                      "\"\"",
                                                      "\"F32\"",
                                                      "\"F16\"",
                                                      "\"BF16\"",
                                                      "\"F64\"",
                                                      "\"U8\"",
                                                      "\"I64\"",
                                                      "\"BOOL\"",
                                                      "\"F4\"",
                                                      "\"keep\"",
                                                      "\"u8\"",
                                                      "\"u8-trunc\"",
                                                      "\"inf\"",
                                                      "\"nan\"",
                                                      "\"__metadata__\"",
                                                      "\"../x\"",
                                                      "\"a/b\"",
                                                      "\"\\u0000\"",
                                                      "\"\\u001b[31m\"",
                                                      "\"\\u009b\"",
                                                      "\"\\ud83d\\ude00\"",
                                                      "\"octet.version\""};

/// A range of the text.
struct Piece {
    std::size_t begin = 0;
    std::size_t end = 0;
};

bool is_number(char c) {
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/// The end of the string that opens at `at`.
std::size_t string_end(std::string_view text, std::size_t at) {
    for (std::size_t i = at + 1; i < text.size(); ++i) {
        if (text[i] == '\\')
            ++i;
        else if (text[i] == '"')
            return i + 1;
    }
    return text.size();
}

/// The end of the value that begins at `at`: a string, a number, a word, or everything up to the
/// matching bracket.
std::size_t value_end(std::string_view text, std::size_t at) {
    int depth = 0;
    for (std::size_t i = at; i < text.size();) {
        const char c = text[i];
        if (c == '"') {
            i = string_end(text, i);
        } else {
            depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
            if (depth < 0 || (depth == 0 && (c == ',' || c == ':' || c == '\0'))) return i;
            ++i;
        }
        if (depth == 0 && i < text.size() &&
            (text[i] == ',' || text[i] == '}' || text[i] == ']' || text[i] == ':'))
            return i;
    }
    return text.size();
}

/// The first place from a random one on whose character pleases; text.size() if there is none.
template <typename Pleases>
std::size_t find_from(std::string_view text, Random& random, Pleases pleases) {
    if (text.empty()) return 0;
    const std::size_t start = random() % text.size();
    for (std::size_t i = 0; i < text.size(); ++i) {
        const std::size_t at = (start + i) % text.size();
        if (pleases(text[at])) return at;
    }
    return text.size();
}

Piece some_number(std::string_view text, Random& random) {
    const std::size_t at = find_from(text, random, [](char c) { return c >= '0' && c <= '9'; });
    Piece piece{at, at};
    while (piece.begin > 0 && is_number(text[piece.begin - 1])) --piece.begin;
    while (piece.end < text.size() && is_number(text[piece.end])) ++piece.end;
    return piece;
}

/// `"key":value` or an element of an array, without the comma.
Piece some_member(std::string_view text, Random& random) {
    std::size_t at =
        find_from(text, random, [](char c) { return c == '{' || c == '[' || c == ','; });
    if (at == text.size()) return {at, at};
    while (++at < text.size() && text[at] == ' ') {
    }
    std::size_t end = value_end(text, at);
    if (end < text.size() && text[end] == ':') end = value_end(text, end + 1);
    return {at, end};
}

std::string_view of(std::string_view text, Piece piece) {
    return text.substr(piece.begin, piece.end - piece.begin);
}

void replace(std::string& text, Piece piece, const std::string& with) {
    text.replace(piece.begin, piece.end - piece.begin, with);
}

/// A number near the one that stands there, or an interesting one.
std::string other_number(std::string_view number, Random& random) {
    if (random() % 2 == 0 || number.size() > 18 ||
        number.find_first_not_of("0123456789") != number.npos)
        return std::string(kNumbers[random() % kNumbers.size()]);
    std::uint64_t value = 0;
    for (const char c : number) value = value * 10 + static_cast<std::uint64_t>(c - '0');
    switch (random() % 4) {
        case 0:
            return std::to_string(value + 1 + random() % 8);
        case 1:
            return std::to_string(value - std::min<std::uint64_t>(value, 1 + random() % 8));
        case 2:
            return std::to_string(value * (2 + random() % 7));
        default:
            return std::to_string(value / (2 + random() % 7));
    }
}

void mutate_member(std::string& text, Random& random) {
    const Piece piece = some_member(text, random);
    const std::string member(of(text, piece));
    switch (random() % 6) {
        case 0:  // twice
            return replace(text, piece, member + "," + member);
        case 1: {  // gone, with a comma
            Piece wider = piece;
            if (wider.end < text.size() && text[wider.end] == ',')
                ++wider.end;
            else if (wider.begin > 0 && text[wider.begin - 1] == ',')
                --wider.begin;
            return replace(text, wider, "");
        }
        case 2:  // where another one was
            return replace(text, some_member(text, random), member);
        case 3: {  // behind another one
            const Piece other = some_member(text, random);
            return replace(text, {other.end, other.end}, "," + member);
        }
        case 4: {  // another value
            const std::size_t colon =
                member.find(':', member.starts_with('"') ? string_end(member, 0) : 0);
            const Piece value{colon == member.npos ? piece.begin : piece.begin + colon + 1,
                              piece.end};
            return replace(text, value, std::string(kValues[random() % kValues.size()]));
        }
        default:  // deeper
            return replace(text, piece,
                           random() % 2 == 0 ? "[" + member + "]" : "{" + member + "}");
    }
}

void mutate_string(std::string& text, Random& random) {
    const auto some_string = [&] {
        const std::size_t at = find_from(text, random, [](char c) { return c == '"'; });
        return Piece{at, at == text.size() ? at : string_end(text, at)};
    };
    const Piece piece = some_string();
    const std::string other(random() % 2 == 0 ? of(text, some_string())
                                              : kValues[random() % kValues.size()]);
    replace(text, piece, other);
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
    Random random(seed);
    if (random() % 2 == 0) return LLVMFuzzerMutate(data, size, most);
    std::string text(reinterpret_cast<const char*>(data), size);
    for (unsigned i = 0; i < 1 + random() % 3; ++i) {
        switch (random() % 4) {
            case 0: {
                const Piece piece = some_number(text, random);
                replace(text, piece, other_number(of(text, piece), random));
                break;
            }
            case 1:
                mutate_string(text, random);
                break;
            default:
                mutate_member(text, random);
        }
    }
    if (text.empty() || text.size() > most) return LLVMFuzzerMutate(data, size, most);
    std::memcpy(data, text.data(), text.size());
    return text.size();
}
