// Layers are what a number in the names counts: "h.3." of "h.3.attn.c_attn.weight". Their SQNR is
// that of all their quantized values: signal and noise of tensors are added up.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "base/text.hpp"
#include "report/html_axes.hpp"
#include "report/html_parts.hpp"
#include "report/xml_text.hpp"

namespace octet::report::html {
namespace {

constexpr std::size_t kMostStacks = 4;
constexpr std::uint64_t kMostLayers = 512;

struct Layer {
    double signal = 0;
    double noise = 0;
    double worst_db = std::numeric_limits<double>::infinity();
    std::string worst;
    std::uint64_t tensors = 0;

    double sqnr_db() const { return 10 * std::log10(signal / noise); }
};

/// The layers of one list of modules, by number.
using Stack = std::map<std::uint64_t, Layer>;

/// "encoder.block" and 3 of "encoder.block.3.layer.0.SelfAttention.q.weight"; false without a
/// number.
bool split_name(std::string_view name, std::string_view& prefix, std::uint64_t& number) {
    for (std::size_t begin = 0; begin < name.size();) {
        const std::size_t end = std::min(name.find('.', begin), name.size());
        const std::string_view part = name.substr(begin, end - begin);
        const bool is_number =
            !part.empty() && part.size() <= 4 &&
            std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
        if (is_number) {
            prefix = name.substr(0, begin == 0 ? 0 : begin - 1);
            number = 0;
            for (const char c : part) number = 10 * number + static_cast<std::uint64_t>(c - '0');
            return number < kMostLayers;
        }
        begin = end + 1;
    }
    return false;
}

/// Sum of squared errors; 0 where it is not known, or cannot be put in relation to anything.
double noise_of(const TensorRow& t) {
    if (!t.sqnr_db || !t.rmse || !(std::abs(*t.sqnr_db) < 300)) return 0;
    const double noise = *t.rmse * *t.rmse * static_cast<double>(t.parameters);
    return noise > 1e-200 && noise < 1e200 ? noise : 0;
}

void add_to(Layer& layer, const TensorRow& t, double noise) {
    layer.noise += noise;
    layer.signal += noise * std::pow(10.0, *t.sqnr_db / 10);
    ++layer.tensors;
    if (*t.sqnr_db >= layer.worst_db) return;
    layer.worst_db = *t.sqnr_db;
    layer.worst = t.name;
}

/// Those with the most layers, at least two.
std::vector<std::pair<std::string, Stack>> stacks_of(const Document& document) {
    std::map<std::string, Stack, std::less<>> found;
    for (std::size_t i = 0; i < document.tensors; ++i) {
        const TensorRow t = document.tensor(i);
        std::string_view prefix;
        std::uint64_t number = 0;
        const double noise = noise_of(t);
        if (noise > 0 && split_name(t.name, prefix, number))
            add_to(found[std::string(prefix)][number], t, noise);
    }
    std::vector<std::pair<std::string, Stack>> stacks(found.begin(), found.end());
    std::erase_if(stacks, [](const auto& stack) { return stack.second.size() < 2; });
    std::stable_sort(stacks.begin(), stacks.end(), [](const auto& a, const auto& b) {
        return a.second.size() > b.second.size();
    });
    if (stacks.size() > kMostStacks) stacks.resize(kMostStacks);
    return stacks;
}

std::string text_of(const std::string& prefix, std::uint64_t number, const Layer& layer) {
    return fmt::format("{}{}{}: {:.2f} dB over {}; the worst is {} with {:.2f} dB", prefix,
                       prefix.empty() ? "" : ".", number, layer.sqnr_db(),
                       counted(layer.tensors, "tensor"), layer.worst, layer.worst_db);
}

/// 0, the worst fifth of the range, to 4.
int shade(double value, const Range& range) {
    const double share = (value - range.least) / std::max(range.most - range.least, 1e-9);
    return std::clamp(static_cast<int>(5 * share), 0, 4);
}

void add_strip(Pieces& out, const std::string& prefix, const Stack& stack, const Range& range) {
    const double width = 660.0 / static_cast<double>(stack.rbegin()->first + 1);
    out << fmt::format(
        "<figure><svg viewBox=\"0 0 680 48\" role=\"img\" aria-label=\"Layers of {} as a strip, "
        "darker "
        "is worse; the table below has the numbers\">\n",
        markup(prefix));
    for (const auto& [number, layer] : stack)
        out << fmt::format(
            "<rect x=\"{:.1f}\" y=\"2\" width=\"{:.1f}\" height=\"28\" "
            "class=\"heat{}\"><title>{}</title>"
            "</rect>\n",
            10 + width * static_cast<double>(number), std::max(0.8 * width, width - 2),
            shade(layer.sqnr_db(), range), markup(text_of(prefix, number, layer)));
    out << fmt::format(
        "<text x=\"10\" y=\"45\">{}</text><text x=\"670\" y=\"45\" class=\"end\">{}</text>\n",
        stack.begin()->first, stack.rbegin()->first);
    Axes::end(out, fmt::format("Layers of {}, darkest up to {:.2f} dB, lightest from {:.2f} dB.",
                               prefix.empty() ? "the model" : prefix,
                               range.least + (range.most - range.least) / 5,
                               range.most - (range.most - range.least) / 5));
}

void add_depth(Pieces& out, const std::vector<std::pair<std::string, Stack>>& stacks,
               const Range& range) {
    constexpr double kLeastAxis = 5;  // fewer would have ticks between layers
    double last = 0;
    for (const auto& [prefix, stack] : stacks)
        last = std::max(last, static_cast<double>(stack.rbegin()->first));
    const Axes axes({0, std::max(last, kLeastAxis)}, rounded(range.least, range.most));
    axes.begin(out, "SQNR of the layers by depth; the table below has the numbers");
    axes.draw(out, "layer", "SQNR, dB", false);
    std::string names;
    for (std::size_t i = 0; i < stacks.size(); ++i) {
        std::string path;
        for (const auto& [number, layer] : stacks[i].second)
            path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L",
                                axes.x(static_cast<double>(number)), axes.y(layer.sqnr_db()));
        out << fmt::format("<path class=\"line line{}\" d=\"{}\"/>\n", i, path);
        for (const auto& [number, layer] : stacks[i].second)
            out << dot(axes.x(static_cast<double>(number)), axes.y(layer.sqnr_db()), "point",
                       text_of(stacks[i].first, number, layer));
        constexpr std::string_view kDashes[] = {"solid", "dashed", "dotted", "dash-dotted"};
        names += fmt::format("{}{}: {}", i == 0 ? "" : "; ", kDashes[i], stacks[i].first);
    }
    Axes::end(out, "Error by depth: the SQNR of each layer. Lines are " + names + ".");
}

void add_table(Pieces& out, const std::vector<std::pair<std::string, Stack>>& stacks) {
    out << "<details><summary>The layers in numbers</summary><table "
           "class=\"numbers\"><caption>Layers</caption><thead>"
           "<tr><th scope=\"col\">layer</th><th scope=\"col\">tensors</th><th scope=\"col\">SQNR "
           "dB</th>"
           "<th scope=\"col\">worst dB</th></tr></thead><tbody>\n";
    for (const auto& [prefix, stack] : stacks) {
        for (const auto& [number, layer] : stack)
            out << fmt::format(
                "<tr><th scope=\"row\">{}{}{}</th><td>{}</td><td>{:.2f}</td><td>{:.2f}</td></tr>\n",
                markup(prefix), prefix.empty() ? "" : ".", number, layer.tensors, layer.sqnr_db(),
                layer.worst_db);
    }
    out << "</tbody></table></details>\n";
}

}  // namespace

void add_layers(Pieces& out, const Document& document) {
    const std::vector<std::pair<std::string, Stack>> stacks = stacks_of(document);
    if (stacks.empty()) return;
    Range range{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
    for (const auto& [prefix, stack] : stacks) {
        for (const auto& [number, layer] : stack)
            range = {std::min(range.least, layer.sqnr_db()), std::max(range.most, layer.sqnr_db())};
    }
    out << "<section><h2>Layers</h2>\n";
    for (const auto& [prefix, stack] : stacks) add_strip(out, prefix, stack, range);
    add_depth(out, stacks, range);
    add_table(out, stacks);
    out << "</section>\n";
}

}  // namespace octet::report::html
