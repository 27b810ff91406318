// Rules from a JSON file: an array of objects with `match` and `scheme`, in order. A key that is
// unknown or stands twice, or deeper nesting, is refused.
#include <unordered_set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "io/text_stream.hpp"
#include "octet/error.hpp"
#include "octet/rules.hpp"

namespace octet {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMostRulesBytes = 10'000'000;
constexpr int kMostDepth = 3;  // an array of objects of strings

[[noreturn]] void throw_bad_rules(const std::filesystem::path& path, std::string_view what) {
    throw Error(
        ErrorCode::kBadInput, printable(path.native()),
        fmt::format(
            "{}; a file of rules is [{{\"match\": \"PATTERN\", \"scheme\": \"SCHEME\"}}, ...]",
            what));
}

json parse_strictly(const std::filesystem::path& path, const std::string& text) {
    std::unordered_set<std::string> keys;
    const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
        if (depth > kMostDepth)
            throw_bad_rules(path, fmt::format("nested deeper than {} levels", kMostDepth));
        if (event == json::parse_event_t::object_start) keys.clear();
        if (event == json::parse_event_t::key && !keys.insert(parsed.get<std::string>()).second)
            throw_bad_rules(path, fmt::format("{} stands twice in a rule",
                                              in_quotes(parsed.get<std::string>())));
        return true;
    };
    if (text.find('\0') != text.npos)
        throw_bad_rules(path, fmt::format("NUL at byte {}", text.find('\0')));
    try {
        return json::parse(text, watch);
    } catch (const json::exception& error) {
        const std::string_view what = error.what();
        const std::size_t at = what.find("] ");
        throw_bad_rules(path, "not valid JSON: " +
                                  printable(at == what.npos ? what : what.substr(at + 2, 160)));
    }
}

}  // namespace

std::vector<TensorRule> read_rules(const std::filesystem::path& path) {
    const json parsed = parse_strictly(path, io::read_text_stream(path, kMostRulesBytes));
    if (!parsed.is_array()) throw_bad_rules(path, "does not hold an array");
    std::vector<TensorRule> rules;
    for (const json& entry : parsed) {
        const std::string place = fmt::format("rule {}", rules.size() + 1);
        if (!entry.is_object() || entry.size() != 2 || !entry.contains("match") ||
            !entry.contains("scheme"))
            throw_bad_rules(path, place + " is not an object of match and scheme");
        if (!entry["match"].is_string() || !entry["scheme"].is_string())
            throw_bad_rules(path, place + " has a match or a scheme that is not a string");
        rules.push_back(parse_rule(entry["match"].get<std::string>() + "=" +
                                   entry["scheme"].get<std::string>()));
    }
    return rules;
}

}  // namespace octet
