// Tensors of the plan stand in the order of the checkpoint's. Names and shapes are held against it,
// as a plan of another checkpoint would say nothing about this one.
#include "survey/plan_file.hpp"

#include <cstdint>
#include <string>
#include <unordered_map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "io/file.hpp"
#include "octet/error.hpp"
#include "octet/scheme.hpp"

namespace octet::survey {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMostBytes = 1U << 30U;

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& what) {
    throw Error(ErrorCode::kBadInput, printable(file.native()), what);
}

json read_json(const std::filesystem::path& path) {
    const io::File file = io::File::open_for_reading(path);
    if (file.size() > kMostBytes) refuse(path, "is too large for a plan");
    std::string text(file.size(), '\0');
    file.read_at(std::as_writable_bytes(std::span(text)), 0);
    json plan = json::parse(text, nullptr, false);
    const bool is_plan = plan.is_object() && plan.value("command", json()) == "plan" &&
                         plan.contains("tensors") && plan["tensors"].is_array();
    if (!is_plan) refuse(path, "is no plan; octet plan INPUT ... -o FILE writes one");
    return plan;
}

/// The text of a member; empty where there is none.
std::string text_in(const json& object, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// The planner is asked by both or by none.
void check_planner(const std::filesystem::path& file, bool is_planned,
                   const QuantizeOptions& options) {
    const bool asks = options.max_size || options.target_sqnr_db;
    if (asks == is_planned) return;
    throw Error(ErrorCode::kUsage, "--plan",
                fmt::format("{} was made {} --max-size or --target-sqnr; give the options that it "
                            "was made with",
                            printable(file.native()), is_planned ? "with" : "without"));
}

}  // namespace

Findings read_plan(const std::filesystem::path& file, const checkpoint::Checkpoint& checkpoint,
                   const QuantizeOptions& options) {
    const json plan = read_json(file);
    if (!text_in(plan, "format").empty())
        refuse(file, "is a plan of another format than octet's own");
    if (plan.value("scanned", json()) != true)
        refuse(file, "was made from headers alone; make it with octet plan --scan");
    const bool is_planned = plan.contains("planner");
    check_planner(file, is_planned, options);
    const json& tensors = plan["tensors"];
    if (tensors.size() != checkpoint.tensors.size())
        refuse(file, fmt::format("is a plan of {}, and the checkpoint has {}",
                                 counted(tensors.size(), "tensor"),
                                 with_commas(checkpoint.tensors.size())));
    std::unordered_map<std::string, std::uint32_t> numbers;
    for (std::uint32_t i = 0; i < checkpoint.tensors.size(); ++i)
        numbers.emplace(checkpoint.tensors[i].name, i);
    Findings findings;
    for (std::uint32_t i = 0; i < tensors.size(); ++i) {
        const json& one = tensors[i];
        const checkpoint::Tensor& tensor = checkpoint.tensors[i];
        if (text_in(one, "name") != tensor.name || one.value("shape", json()) != json(tensor.shape))
            refuse(file, fmt::format("is a plan of another checkpoint: tensor {} of it is {} here",
                                     in_quotes(text_in(one, "name")), in_quotes(tensor.name)));
        if (text_in(one, "rule") == "on-non-finite keep") findings.kept.push_back(i);
        if (const std::string other = text_in(one, "same_as"); !other.empty()) {
            const auto found = numbers.find(other);
            if (found == numbers.end())
                refuse(file, fmt::format("ties tensor {} to {}, which is not there",
                                         in_quotes(tensor.name), in_quotes(other)));
            findings.tied.emplace_back(i, found->second);
        }
        if (!is_planned) continue;
        const std::string name = text_in(one, "scheme");
        const auto scheme = parse_scheme(name);
        if (!scheme && name != "keep")
            refuse(file, fmt::format("names the scheme {} for tensor {}, which there is not",
                                     in_quotes(name), in_quotes(tensor.name)));
        findings.chosen.push_back(scheme);
    }
    return findings;
}

}  // namespace octet::survey
