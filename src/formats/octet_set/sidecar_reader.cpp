// A sidecar is read in one pass: entries of tensors become nodes, are checked and dropped, so that
// a sidecar of a hundred thousand tensors is never in memory as JSON. The seal is checked before
// anything is believed.
#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "formats/octet_set/sidecar.hpp"
#include "formats/octet_set/sidecar_fields.hpp"
#include "formats/octet_set/tensor_entry.hpp"
#include "octet/error.hpp"

namespace octet::octet_set {
namespace {

using nlohmann::json;

constexpr int kMostDepth = 40;

void append_nodes(const json& value, std::vector<JsonNode>& nodes) {
    const std::size_t place = nodes.size();
    JsonNode& node = nodes.emplace_back();
    if (value.is_number_unsigned()) {
        node.kind = JsonNode::Kind::kUnsigned;
        node.whole = value.get<std::uint64_t>();
        node.number = value.get<double>();
    } else if (value.is_number()) {
        node.kind = JsonNode::Kind::kNumber;
        node.number = value.get<double>();
    } else if (value.is_string()) {
        node.kind = JsonNode::Kind::kString;
        node.text = value.get_ref<const std::string&>();
    } else if (value.is_array()) {
        node.kind = JsonNode::Kind::kArray;
        for (const json& element : value) append_nodes(element, nodes);
    } else if (value.is_object()) {
        node.kind = JsonNode::Kind::kObject;
        for (const auto& [key, member] : value.items()) {
            const std::size_t child = nodes.size();
            append_nodes(member, nodes);
            nodes[child].key = key;
        }
    }
    nodes[place].size = nodes.size() - place;
}

/// Reads one sidecar. Tensor entries are taken as they come and dropped, so that memory stays near
/// the size of the text.
class Reader {
  public:
    Reader(std::string_view text, std::string_view file_name)
        : text_(text), fields_(file_name), entries_(fields_, sidecar_) {}
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    Sidecar read() {
        if (text_.find('\0') != text_.npos) fail(fmt::format("NUL at byte {}", text_.find('\0')));
        read_json(text_);
        check_version_of_schemes();
        check_ties();
        if (!is_sealed(text_))
            fail("does not match its own checksum: it was changed after it was written");
        return std::move(sidecar_);
    }

    /// Reads a sidecar as octet writes it, and nothing else: its tensors as plain JSON, and the
    /// text without them as read() does. That what begins like the tensors is not inside another
    /// member is told by its end: the bracket that closes its object is the last of the text.
    std::optional<Sidecar> read_plainly() {
        constexpr std::string_view kOpening = "\n  \"tensors\": {";
        const std::size_t opening = text_.find(kOpening);
        if (opening == text_.npos) return std::nullopt;
        const std::size_t begin = opening + kOpening.size();
        const std::optional<std::size_t> end = read_plain_tensors(begin);
        if (!end || !is_sealed_at(text_, *end)) return std::nullopt;
        try {
            read_json(std::string(text_.substr(0, begin)) + std::string(text_.substr(*end - 1)));
            check_version_of_schemes();
            check_ties();
        } catch (const Error&) {
            return std::nullopt;
        }
        return std::move(sidecar_);
    }

  private:
    [[noreturn]] void fail(std::string_view what) const { fields_.fail(what); }

    void read_json(std::string_view text) {
        json top;
        try {
            top = json::parse(text, [this](int depth, json::parse_event_t event, json& parsed) {
                return watch(depth, event, parsed);
            });
        } catch (const json::exception& error) {
            const std::string_view what = error.what();
            const std::size_t at = what.find("] ");
            fail("not valid JSON: " + printable(at == what.npos ? what : what.substr(at + 2, 160)));
        }
        read_top(top);
    }

    void check_version_of_schemes() const {
        if (version_ == kFirstSidecarVersion && !entries_.first_of_version_2().empty())
            fail(fmt::format("tensor {} has a scheme that version {} does not know",
                             entries_.first_of_version_2(), version_));
    }

    void check_ties() {
        if (!resolve_ties(sidecar_.tensors))
            fail(
                "has a tensor that is the same_as one that does not stand there with data, dtype "
                "and shape");
    }

    /// From behind the bracket that opens them; returns where they end, behind the one that closes
    /// them, or nothing where anything is not plain or not right.
    std::optional<std::size_t> read_plain_tensors(std::size_t begin) {
        constexpr std::size_t kBytesOfMost = 384;  // of an entry
        sidecar_.tensors.reserve(text_.size() / kBytesOfMost);
        std::vector<std::string_view> names;
        PlainJson plain(text_, begin);
        for (bool is_first = true; !plain.take('}'); is_first = false) {
            if (!is_first && !plain.take(',')) return std::nullopt;
            const std::optional<std::string_view> name = plain.string();
            nodes_.clear();
            if (!name || !plain.take(':') || !plain.value(nodes_)) return std::nullopt;
            if (nodes_.front().kind != JsonNode::Kind::kObject) return std::nullopt;
            names.push_back(*name);
            try {
                entries_.add(std::string(*name), nodes_.front());
            } catch (const Error&) {
                return std::nullopt;
            }
        }
        std::sort(names.begin(), names.end());
        const bool is_any_twice = std::adjacent_find(names.begin(), names.end()) != names.end();
        return is_any_twice ? std::nullopt : std::optional(plain.at());
    }

    /// Called by the parser for every value; `depth` counts the brackets around it.
    bool watch(int depth, json::parse_event_t event, json& parsed) {
        if (depth > kMostDepth) fail(fmt::format("nested deeper than {} levels", kMostDepth));
        switch (event) {
            case json::parse_event_t::object_start:
                keys_.emplace_back();
                break;
            case json::parse_event_t::key:
                return watch_key(depth, parsed.get<std::string>());
            case json::parse_event_t::value:
                if (depth == 1 && member_ == "format" && parsed != "octet") fail_as_foreign();
                if (depth == 1 && member_ == "version") check_version(parsed);
                if (depth == 2 && member_ == "tensors") fail_as_entry();
                break;
            case json::parse_event_t::array_end:
                if (depth == 2 && member_ == "tensors") fail_as_entry();
                break;
            case json::parse_event_t::object_end:
                keys_.pop_back();
                if (depth == 2 && member_ == "tensors") {
                    nodes_.clear();
                    append_nodes(parsed, nodes_);
                    entries_.add(tensor_, nodes_.front());
                    return false;
                }
                break;
            default:
                break;
        }
        return true;
    }

    [[noreturn]] void fail_as_entry() const {
        fail(fmt::format("tensor {} is not an object", in_quotes(tensor_)));
    }

    bool watch_key(int depth, const std::string& key) {
        if (!keys_.back().insert(key).second)
            fail(fmt::format("the key {} stands twice", in_quotes(key)));
        if (depth == 1) member_ = key;
        if (depth == 1 && key == "tensors" && version_ == 0)
            fail("has no version before its tensors");
        if (depth == 2 && member_ == "tensors") tensor_ = key;
        return true;
    }

    [[noreturn]] void fail_as_foreign() const {
        fail("is not octet's: its format is not \"octet\"");
    }

    void check_version(const json& value) {
        if (value != kFirstSidecarVersion && value != kLastSidecarVersion)
            fail(fmt::format("is of version {}; this octet reads versions {} and {}",
                             printable(value.dump().substr(0, 40)), kFirstSidecarVersion,
                             kLastSidecarVersion));
        version_ = value.get<std::uint64_t>();
    }

    std::vector<FileReport> files_of(const JsonNode& value, std::string_view place,
                                     std::string_view checksum_key) const {
        if (value.kind != JsonNode::Kind::kArray) fields_.fail_at(place, " is not an array");
        const bool is_hashed = !checksum_key.empty();
        const auto within = [&](std::string_view part) {
            return std::string(place) + std::string(part);
        };
        std::vector<FileReport> files;
        for_each_child(value, [&](const JsonNode& file) {
            if (is_hashed) {
                fields_.check_keys(file, place, {"name", "bytes", checksum_key}, {"sha256"});
            } else {
                fields_.check_keys(file, place, {"name", "bytes"}, {"sha256"});
            }
            FileReport read{
                std::string(fields_.string_of(fields_.member(file, "name"), within(".name"))),
                fields_.unsigned_of(fields_.member(file, "bytes"), within(".bytes"))};
            if (is_hashed)
                read.checksum =
                    fields_.checksum_of(fields_.member(file, checksum_key), within(" checksum"));
            if (const JsonNode* const sha256 = find_member(file, "sha256"))
                read.sha256 = fields_.sha256_of(*sha256, within(".sha256"));
            files.push_back(std::move(read));
        });
        return files;
    }

    /// Everything but the tensors, which are read already.
    void read_top(const json& tree) {
        nodes_.clear();
        append_nodes(tree, nodes_);
        const JsonNode& top = nodes_.front();
        fields_.check_keys(top, "the sidecar",
                           {"format", "version", "generator", "source", "files", "companions",
                            "options", "tensors", kChecksumKey},
                           {});
        if (!fields_.member(top, "format").is_string("octet")) fail_as_foreign();
        if (fields_.member(top, "tensors").kind != JsonNode::Kind::kObject)
            fail("tensors is not an object");
        sidecar_.generator = fields_.string_of(fields_.member(top, "generator"), "generator");
        read_source(fields_.member(top, "source"), tree);
        sidecar_.files = files_of(fields_.member(top, "files"), "files", kPieceChecksumKey);
        sidecar_.companions =
            files_of(fields_.member(top, "companions"), "companions", kChecksumKey);
        read_options(fields_.member(top, "options"));
        if (sidecar_.files.size() != sidecar_.source_files.size())
            fail("lists another number of files than its source had");
    }

    void read_source(const JsonNode& source, const json& tree) {
        fields_.check_keys(source, "source", {"files", "framework_bytes", "sum_of_squares"},
                           {"index"});
        sidecar_.source_files = files_of(fields_.member(source, "files"), "source.files", "");
        sidecar_.source_framework_bytes = fields_.unsigned_of(
            fields_.member(source, "framework_bytes"), "source.framework_bytes");
        sidecar_.source_sum_of_squares =
            fields_.statistic_of(fields_.member(source, "sum_of_squares"), "source.sum_of_squares");
        const JsonNode* const index = find_member(source, "index");
        if (index == nullptr) return;
        fields_.check_keys(*index, "source.index", {"name"}, {"metadata"});
        sidecar_.source_index = SourceIndex{
            std::string(fields_.string_of(fields_.member(*index, "name"), "source.index.name")),
            ""};
        const JsonNode* const metadata = find_member(*index, "metadata");
        if (metadata == nullptr) return;
        if (metadata->kind != JsonNode::Kind::kObject)
            fail("source.index.metadata is not an object");
        sidecar_.source_index->metadata = tree.at("source").at("index").at("metadata").dump();
    }

    void read_options(const JsonNode& options) {
        fields_.check_keys(options, "options", {"preset", "rules"},
                           {"scheme", "importance", "max_size", "target_sqnr", "on_non_finite"});
        const auto preset =
            parse_preset(fields_.string_of(fields_.member(options, "preset"), "options.preset"));
        if (!preset) fail("options.preset is not known to this octet");
        sidecar_.options.preset = *preset;
        read_rules(fields_.member(options, "rules"));
        if (const JsonNode* const scheme = find_member(options, "scheme")) {
            sidecar_.options.scheme = parse_scheme(fields_.string_of(*scheme, "options.scheme"));
            if (!sidecar_.options.scheme) fail("options.scheme is not known to this octet");
        }
        if (const JsonNode* const importance = find_member(options, "importance"))
            sidecar_.options.importance = fields_.checksum_of(*importance, "options.importance");
        if (const JsonNode* const size = find_member(options, "max_size"))
            sidecar_.options.max_size = fields_.unsigned_of(*size, "options.max_size");
        if (const JsonNode* const target = find_member(options, "target_sqnr")) {
            if (!target->is_number()) fail("options.target_sqnr is not a number");
            sidecar_.options.target_sqnr_db = target->number;
        }
        const JsonNode* const on_non_finite = find_member(options, "on_non_finite");
        if (on_non_finite == nullptr) return;
        if (!on_non_finite->is_string("keep")) fail("options.on_non_finite is not \"keep\"");
        sidecar_.options.on_non_finite = OnNonFinite::kKeep;
    }

    void read_rules(const JsonNode& rules) {
        if (rules.kind != JsonNode::Kind::kArray) fail("options.rules is not an array");
        for_each_child(rules, [&](const JsonNode& entry) {
            fields_.check_keys(entry, "a rule of options.rules", {"match", "scheme"}, {});
            const auto scheme =
                fields_.string_of(fields_.member(entry, "scheme"), "options.rules.scheme");
            const auto match =
                fields_.string_of(fields_.member(entry, "match"), "options.rules.match");
            TensorRule rule{std::string(match), parse_scheme(scheme)};
            if (!rule.scheme && scheme != "keep")
                fail("options.rules has a scheme that is not known to this octet");
            sidecar_.options.rules.push_back(std::move(rule));
        });
    }

    std::string_view text_;
    SidecarFields fields_;
    Sidecar sidecar_;
    TensorEntries entries_;
    std::vector<JsonNode> nodes_;
    std::vector<std::unordered_set<std::string>> keys_;
    std::string member_;
    std::string tensor_;
    std::uint64_t version_ = 0;  ///< 0: not seen yet
};

}  // namespace

std::optional<Sidecar> parse_plain_sidecar(std::string_view text) {
    return Reader(text, "").read_plainly();
}

Sidecar parse_sidecar(std::string_view text, std::string_view file_name) {
    std::optional<Sidecar> plain = parse_plain_sidecar(text);
    return plain ? std::move(*plain) : Reader(text, file_name).read();
}

bool resolve_ties(std::vector<TensorReport>& tensors) {
    const auto is_tied = [](const TensorReport& tensor) { return !tensor.same_as.empty(); };
    if (std::none_of(tensors.begin(), tensors.end(), is_tied))
        return true;  // no table of a million names for nothing
    std::unordered_map<std::string_view, const TensorReport*> originals;
    for (const TensorReport& tensor : tensors) {
        if (tensor.same_as.empty()) originals.emplace(tensor.name, &tensor);
    }
    for (TensorReport& tensor : tensors) {
        if (tensor.same_as.empty()) continue;
        const auto found = originals.find(tensor.same_as);
        if (found == originals.end()) return false;
        const TensorReport& original = *found->second;
        if (original.dtype != tensor.dtype || original.shape != tensor.shape) return false;
        tensor.scheme = original.scheme;
        tensor.reason = original.reason;
        tensor.scale = original.scale;
        tensor.zero_point = original.zero_point;
        tensor.statistics = original.statistics;
        tensor.source_checksum = original.source_checksum;
        tensor.stored_checksum = original.stored_checksum;
    }
    return true;
}

}  // namespace octet::octet_set
