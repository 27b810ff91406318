// Text is made safe here once for all formats; what a format itself must escape, its exporter does.
#include "report/document_parts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/text.hpp"

namespace octet::report {
namespace {

void replace_all(std::string& text, std::string_view what, std::string_view by) {
    for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + by.size()))
        text.replace(at, what.size(), by);
}

bool is_hub_word(std::string_view word) {
    const auto is_plain = [](char c) {
        const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        return is_letter || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    };
    return !word.empty() && std::all_of(word.begin(), word.end(), is_plain);
}

}  // namespace

bool passed(const Document& document) {
    const auto is_fine = [](const Problem& problem) { return !problem.fails; };
    return all_passed(document.checks) &&
           std::all_of(document.problems.begin(), document.problems.end(), is_fine);
}

std::string visible(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\\'), text.size());
        out += printable(text.substr(0, end));
        if (end < text.size()) out += '\\';
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    replace_all(out, "\xEF\xBF\xBE", "\\ufffe");
    replace_all(out, "\xEF\xBF\xBF", "\\uffff");
    return out;
}

std::string base_name(std::string_view path) {
    while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
    const std::size_t slash = path.rfind('/');
    return std::string(slash == path.npos || path.size() == 1 ? path : path.substr(slash + 1));
}

std::string without_folders(std::string text, const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
        if (!path.starts_with('/') || path.find_first_not_of('/') == path.npos) continue;
        std::string trimmed = path;
        while (trimmed.ends_with('/')) trimmed.pop_back();
        replace_all(text, printable(trimmed), printable(base_name(trimmed)));
        const std::string parent = trimmed.substr(0, trimmed.rfind('/') + 1);
        if (parent.size() > 1) replace_all(text, printable(parent), "");
    }
    return text;
}

std::string hub_name(std::string_view path) {
    constexpr std::string_view kModels = "models--";
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        const std::string_view part = path.substr(0, end);
        path.remove_prefix(std::min(end + 1, path.size()));
        if (!part.starts_with(kModels)) continue;
        const std::string_view name = part.substr(kModels.size());
        const std::size_t between = name.find("--");
        if (between == name.npos) return is_hub_word(name) ? std::string(name) : "";
        const std::string_view owner = name.substr(0, between);
        const std::string_view model = name.substr(between + 2);
        return is_hub_word(owner) && is_hub_word(model) ? fmt::format("{}/{}", owner, model) : "";
    }
    return "";
}

std::string statistic_text(double value) {
    std::string text;
    append_json_statistic(text, value);
    std::erase(text, '"');
    return text;
}

double bits_each(const TensorRow& row) {
    if (row.parameters == 0) return 0;
    return 8.0 * static_cast<double>(row.output_bytes) / static_cast<double>(row.parameters);
}

TensorRow row_of(const TensorReport& t) {
    TensorRow row;
    row.name = t.name;
    row.kind = kind_name(t.kind);
    row.dtype = dtype_name(t.dtype);
    row.scheme = !t.type.empty() ? std::string(t.type.view())
                 : t.scheme      ? scheme_name(*t.scheme)
                                 : "keep";
    row.shape = t.shape;
    row.parameters = element_count(t.shape).value_or(0);
    row.source_bytes = t.source_bytes;
    row.output_bytes = t.output_bytes;
    if (t.statistics) {
        row.sqnr_db = t.statistics->sqnr_db;
        row.rmse = t.statistics->rmse;
        row.max_abs_error = t.statistics->max_abs_error;
        row.bound = t.statistics->bound;
        row.clipped = t.statistics->clipped;
    }
    row.note = t.same_as.empty() ? t.reason : fmt::format("the same as {}", t.same_as.view());
    return row;
}

std::vector<Table> files_table(const std::vector<FileReport>& files) {
    if (files.empty()) return {};
    Table table{"Files", {"file", "bytes"}, {}};
    for (const FileReport& file : files)
        table.rows.push_back({file.name, with_commas(file.byte_count)});
    return {table};
}

std::map<std::string, KindSize> sizes_by_kind(const Document& document) {
    std::map<std::string, KindSize> sizes;
    for (std::size_t i = 0; i < document.tensors; ++i) {
        const TensorRow row = document.tensor(i);
        KindSize& size = sizes[row.kind];
        ++size.tensors;
        size.parameters += row.parameters;
        size.source_bytes += row.source_bytes;
        size.output_bytes += row.output_bytes;
    }
    return sizes;
}

std::vector<std::size_t> worst_first(const Document& document, std::size_t most) {
    struct Rank {
        double sqnr_db;
        std::uint64_t output_bytes;
        std::size_t index;
    };
    std::vector<Rank> ranks;
    ranks.reserve(document.tensors);
    for (std::size_t i = 0; i < document.tensors; ++i) {
        const TensorRow row = document.tensor(i);
        constexpr double kInfinity = std::numeric_limits<double>::infinity();
        const double sqnr_db = row.sqnr_db.value_or(kInfinity);
        ranks.push_back({std::isnan(sqnr_db) ? -kInfinity : sqnr_db, row.output_bytes, i});
    }
    const auto is_worse = [](const Rank& a, const Rank& b) {
        if (a.sqnr_db != b.sqnr_db) return a.sqnr_db < b.sqnr_db;
        return a.output_bytes != b.output_bytes ? a.output_bytes > b.output_bytes
                                                : a.index < b.index;
    };
    const std::size_t count = std::min(most, ranks.size());
    std::partial_sort(ranks.begin(), ranks.begin() + static_cast<std::ptrdiff_t>(count),
                      ranks.end(), is_worse);
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < count; ++i) order.push_back(ranks[i].index);
    return order;
}

bool has_errors(const Document& document) {
    for (std::size_t i = 0; i < document.tensors; ++i) {
        const std::optional<double> sqnr_db = document.tensor(i).sqnr_db;
        if (sqnr_db && std::isfinite(*sqnr_db)) return true;
    }
    return false;
}

}  // namespace octet::report
