#include <cmath>
#include <initializer_list>
#include <limits>
#include <unordered_set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "octet/error.hpp"
#include "quant/codecs.hpp"
#include "quant/two_level.hpp"
#include "state/sidecar.hpp"

namespace octet::state {
namespace {

using nlohmann::json;

constexpr int kMostDepth = 40;

/// Reads one sidecar. Tensor entries are taken as they come and dropped, so that memory stays near the size of the text.
class Reader {
  public:
    Reader(std::string_view text, std::string_view file_name) : text_(text), file_name_(file_name) {}

    Sidecar read() {
        if (text_.find('\0') != text_.npos) fail(fmt::format("NUL at byte {}", text_.find('\0')));
        json top;
        try {
            top = json::parse(text_, [this](int depth, json::parse_event_t event, json& parsed) {
                return watch(depth, event, parsed);
            });
        } catch (const json::exception& error) {
            const std::string_view what = error.what();
            const std::size_t at = what.find("] ");
            fail("not valid JSON: " + printable(at == what.npos ? what : what.substr(at + 2, 160)));
        }
        read_top(top);
        if (!resolve_ties(sidecar_.tensors))
            fail("has a tensor that is the same_as one that does not stand there with data, dtype and shape");
        check_seal();
        return std::move(sidecar_);
    }

  private:
    [[noreturn]] void fail(std::string_view what) const {
        throw Error(ErrorCode::kBadInput, printable(file_name_),
                    fmt::format("{}; restore the sidecar or quantize again", what));
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
                if (depth == 1 && member_ == "format") check_format(parsed);
                if (depth == 1 && member_ == "version") check_version(parsed);
                if (depth == 2 && member_ == "tensors")
                    fail(fmt::format("tensor {} is not an object", in_quotes(tensor_)));
                break;
            case json::parse_event_t::object_end:
                keys_.pop_back();
                if (depth == 2 && member_ == "tensors") {
                    read_tensor(tensor_, parsed);
                    return false;
                }
                break;
            default:
                break;
        }
        return true;
    }

    bool watch_key(int depth, const std::string& key) {
        if (!keys_.back().insert(key).second) fail(fmt::format("the key {} stands twice", in_quotes(key)));
        if (depth == 1) member_ = key;
        if (depth == 1 && key == "tensors" && !version_seen_) fail("has no version before its tensors");
        if (depth == 2 && member_ == "tensors") tensor_ = key;
        return true;
    }

    void check_format(const json& value) const {
        if (value != "octet") fail("is not octet's: its format is not \"octet\"");
    }

    void check_version(const json& value) {
        if (value != kSidecarVersion)
            fail(fmt::format("is of version {}; this octet reads version {}", printable(value.dump().substr(0, 40)),
                             kSidecarVersion));
        version_seen_ = true;
    }

    /// Exactly these keys: every one of `required`, any of `optional`, nothing else.
    void check_keys(const json& object, const std::string& place, std::initializer_list<std::string_view> required,
                    std::initializer_list<std::string_view> optional) const {
        if (!object.is_object()) fail(place + " is not an object");
        for (const std::string_view key : required) {
            if (!object.contains(key)) fail(fmt::format("{} has no {}", place, in_quotes(key)));
        }
        const auto among = [](std::initializer_list<std::string_view> keys, const std::string& key) {
            return std::find(keys.begin(), keys.end(), key) != keys.end();
        };
        for (const auto& [key, value] : object.items()) {
            if (!among(required, key) && !among(optional, key))
                fail(fmt::format("{} has the unknown key {}", place, in_quotes(key)));
        }
    }

    std::uint64_t unsigned_of(const json& value, const std::string& place) const {
        if (!value.is_number_unsigned()) fail(place + " is not a whole number from 0 up");
        return value.get<std::uint64_t>();
    }

    std::string string_of(const json& value, const std::string& place) const {
        if (!value.is_string()) fail(place + " is not a string");
        return value.get<std::string>();
    }

    float float_of(const json& value, const std::string& place) const {
        if (!value.is_number()) fail(place + " is not a number");
        const auto number = static_cast<float>(value.get<double>());
        if (!std::isfinite(number)) fail(place + " is not a finite float32");
        return number;
    }

    double statistic_of(const json& value, const std::string& place) const {
        if (value.is_number()) return value.get<double>();
        if (value == "inf") return std::numeric_limits<double>::infinity();
        if (value == "-inf") return -std::numeric_limits<double>::infinity();
        if (value == "nan") return std::numeric_limits<double>::quiet_NaN();
        fail(place + " is not a number");
    }

    Checksum checksum_of(const json& value, const std::string& place) const {
        const auto checksum = parse_checksum(string_of(value, place));
        if (!checksum) fail(place + " is not 32 hexadecimal digits");
        return *checksum;
    }

    std::string sha256_text_of(const json& value, const std::string& place) const {
        std::string text = string_of(value, place);
        if (text.size() != 64 || text.find_first_not_of("0123456789abcdef") != text.npos)
            fail(place + " is not 64 hexadecimal digits");
        return text;
    }

    /// Every byte before the last member is hashed by it, and the bytes from there on can only be one text.
    void check_seal() const {
        const std::size_t length = seal_of("").size();
        const std::string_view before = text_.substr(0, text_.size() - std::min(length, text_.size()));
        if (text_.substr(before.size()) != seal_of(before))
            fail("does not match its own checksum: it was changed after it was written");
    }

    std::vector<FileReport> files_of(const json& value, const std::string& place, std::string_view checksum_key) const {
        if (!value.is_array()) fail(place + " is not an array");
        std::vector<FileReport> files;
        for (const json& file : value) {
            const bool hashed = !checksum_key.empty();
            if (hashed) {
                check_keys(file, place, {"name", "bytes", checksum_key}, {"sha256"});
            } else {
                check_keys(file, place, {"name", "bytes"}, {"sha256"});
            }
            FileReport read{string_of(file["name"], place + ".name"), unsigned_of(file["bytes"], place + ".bytes")};
            if (hashed) read.checksum = checksum_of(file[std::string(checksum_key)], place + " checksum");
            if (file.contains("sha256")) read.sha256 = sha256_text_of(file["sha256"], place + ".sha256");
            files.push_back(std::move(read));
        }
        return files;
    }

    void read_top(const json& top) {
        check_keys(
            top, "the sidecar",
            {"format", "version", "generator", "source", "files", "companions", "options", "tensors", kChecksumKey},
            {});
        if (!top["tensors"].is_object()) fail("tensors is not an object");
        sidecar_.generator = string_of(top["generator"], "generator");
        read_source(top["source"]);
        sidecar_.files = files_of(top["files"], "files", kPieceChecksumKey);
        sidecar_.companions = files_of(top["companions"], "companions", kChecksumKey);
        read_options(top["options"]);
        if (sidecar_.files.size() != sidecar_.source_files.size())
            fail("lists another number of files than its source had");
    }

    void read_source(const json& source) {
        check_keys(source, "source", {"files", "framework_bytes", "sum_of_squares"}, {"index"});
        sidecar_.source_files = files_of(source["files"], "source.files", "");
        sidecar_.source_framework_bytes = unsigned_of(source["framework_bytes"], "source.framework_bytes");
        sidecar_.source_sum_of_squares = statistic_of(source["sum_of_squares"], "source.sum_of_squares");
        if (!source.contains("index")) return;
        const json& index = source["index"];
        check_keys(index, "source.index", {"name"}, {"metadata"});
        sidecar_.source_index = SourceIndex{string_of(index["name"], "source.index.name"), ""};
        if (!index.contains("metadata")) return;
        if (!index["metadata"].is_object()) fail("source.index.metadata is not an object");
        sidecar_.source_index->metadata = index["metadata"].dump();
    }

    void read_options(const json& options) {
        check_keys(options, "options", {"preset", "rules"},
                   {"scheme", "importance", "max_size", "target_sqnr", "on_non_finite"});
        const auto preset = parse_preset(string_of(options["preset"], "options.preset"));
        if (!preset) fail("options.preset is not known to this octet");
        sidecar_.options.preset = *preset;
        read_rules(options["rules"]);
        if (options.contains("scheme")) {
            sidecar_.options.scheme = parse_scheme(string_of(options["scheme"], "options.scheme"));
            if (!sidecar_.options.scheme) fail("options.scheme is not known to this octet");
        }
        if (options.contains("importance"))
            sidecar_.options.importance = checksum_of(options["importance"], "options.importance");
        if (options.contains("max_size"))
            sidecar_.options.max_size = unsigned_of(options["max_size"], "options.max_size");
        if (options.contains("target_sqnr")) {
            if (!options["target_sqnr"].is_number()) fail("options.target_sqnr is not a number");
            sidecar_.options.target_sqnr_db = options["target_sqnr"].get<double>();
        }
        if (!options.contains("on_non_finite")) return;
        if (options["on_non_finite"] != "keep") fail("options.on_non_finite is not \"keep\"");
        sidecar_.options.on_non_finite = OnNonFinite::kKeep;
    }

    void read_rules(const json& rules) {
        if (!rules.is_array()) fail("options.rules is not an array");
        for (const json& entry : rules) {
            check_keys(entry, "a rule of options.rules", {"match", "scheme"}, {});
            const std::string scheme = string_of(entry["scheme"], "options.rules.scheme");
            TensorRule rule{string_of(entry["match"], "options.rules.match"), parse_scheme(scheme)};
            if (!rule.scheme && scheme != "keep") fail("options.rules has a scheme that is not known to this octet");
            sidecar_.options.rules.push_back(std::move(rule));
        }
    }

    void read_tensor(const std::string& name, const json& entry) {
        const std::string place = "tensor " + in_quotes(name);
        TensorReport tensor;
        tensor.name = name;
        const bool keep = entry.contains("scheme") && entry["scheme"] == "keep";
        const bool tied = entry.contains("same_as");
        if (tied) {
            read_tie(entry, place, tensor);
        } else if (keep) {
            check_keys(entry, place, {"dtype", "shape", "scheme", "reason", kPieceChecksumKey}, {});
            tensor.reason = string_of(entry["reason"], place + " reason");
        } else {
            check_keys(entry, place, {"dtype", "shape", "scheme", "stats", kPieceChecksumKey},
                       {"scale", "zero_point", "superblock", "scale_bits", "zero_point_bits", "code_offset"});
            read_scheme(entry, place, tensor);
            tensor.statistics = statistics_of(entry["stats"], place + " stats");
        }
        if (!tied) read_checksums(entry[std::string(kPieceChecksumKey)], place, tensor);
        const auto dtype = parse_dtype(string_of(entry["dtype"], place + " dtype"));
        if (!dtype) fail(place + " has an unknown dtype");
        tensor.dtype = *dtype;
        if (tensor.scheme && !is_quantizable(tensor.dtype))
            fail(place + " is quantized from a dtype that is not float");
        if (!entry["shape"].is_array()) fail(place + " shape is not an array");
        for (const json& dimension : entry["shape"]) tensor.shape.push_back(unsigned_of(dimension, place + " shape"));
        const auto bytes = tensor_bytes(tensor.dtype, tensor.shape);
        if (!bytes) fail(place + " has a shape whose size overflows or does not fill whole bytes");
        tensor.source_bytes = *bytes;
        sidecar_.tensors.push_back(std::move(tensor));
    }

    void read_checksums(const json& checksums, const std::string& place, TensorReport& tensor) const {
        check_keys(checksums, place + " checksums", {"source", "stored"}, {});
        tensor.source_checksum = checksum_of(checksums["source"], place + " source checksum");
        tensor.stored_checksum = checksum_of(checksums["stored"], place + " stored checksum");
    }

    /// A tensor whose bytes are another's.
    void read_tie(const json& entry, const std::string& place, TensorReport& tensor) {
        check_keys(entry, place, {"dtype", "shape", "same_as", "position"}, {});
        tensor.same_as = string_of(entry["same_as"], place + " same_as");
        if (tensor.same_as.empty()) fail(place + " is the same_as no tensor");
        const std::uint64_t position = unsigned_of(entry["position"], place + " position");
        if (position > std::numeric_limits<std::uint32_t>::max()) fail(place + " position is beyond any header");
        sidecar_.tied_positions.push_back(static_cast<std::uint32_t>(position));
    }

    /// The scheme, and the state where the sidecar holds it.
    void read_scheme(const json& entry, const std::string& place, TensorReport& tensor) const {
        const std::string name = string_of(entry["scheme"], place + " scheme");
        tensor.scheme = parse_scheme(name);
        if (!tensor.scheme || !quant::has_codec(*tensor.scheme))
            fail(fmt::format("{}: the scheme {} is not known to this octet", place, in_quotes(name)));
        const Scheme& scheme = *tensor.scheme;
        const bool in_sidecar = scheme.granularity == Granularity::kTensor;
        if (!in_sidecar && scheme.axis == OutputAxis::kAuto)
            fail(fmt::format("{}: the scheme {} does not say its axis", place, in_quotes(name)));
        const bool zero_point = in_sidecar && !scheme.symmetric;
        for (const auto& [key, expected] : {std::pair("scale", in_sidecar), std::pair("zero_point", zero_point)}) {
            if (entry.contains(key) == expected) continue;
            fail(fmt::format("{} has {} {}", place, expected ? "no" : "the unknown key", in_quotes(key)));
        }
        const bool two_levels = scheme.scale_dtype == ScaleDtype::kTwoLevel;
        const auto shape = two_levels ? quant::two_level_shape(scheme) : quant::TwoLevelShape{};
        for (const auto& [key, value] : quant::named_numbers(shape)) {
            if (entry.contains(key) != two_levels)
                fail(fmt::format("{} has {} {}", place, two_levels ? "no" : "the unknown key", in_quotes(key)));
            if (two_levels && unsigned_of(entry[std::string(key)], place) != value)
                fail(fmt::format("{}: {} is not {}, the only one that this octet reads with {}", place, key, value,
                                 name));
        }
        if (in_sidecar) tensor.scale = float_of(entry["scale"], place + " scale");
        if (in_sidecar && *tensor.scale < 0) fail(place + " scale is negative");
        if (zero_point && scheme.zero_point == ZeroPoint::kInteger) {
            const std::uint64_t code = unsigned_of(entry["zero_point"], place + " zero_point");
            if (code > max_code(scheme)) fail(place + " zero_point is no code");
            tensor.zero_point = static_cast<float>(code);
        } else if (zero_point) {
            tensor.zero_point = float_of(entry["zero_point"], place + " zero_point");
        }
    }

    TensorStatistics statistics_of(const json& stats, const std::string& place) const {
        check_keys(stats, place, {"sqnr_db", "rmse", "max_abs_error", "bound", "clipped"}, {});
        return {statistic_of(stats["sqnr_db"], place + " sqnr_db"), statistic_of(stats["rmse"], place + " rmse"),
                statistic_of(stats["max_abs_error"], place + " max_abs_error"),
                statistic_of(stats["bound"], place + " bound"), unsigned_of(stats["clipped"], place + " clipped")};
    }

    std::string_view text_;
    std::string_view file_name_;
    std::vector<std::unordered_set<std::string>> keys_;
    std::string member_;
    std::string tensor_;
    bool version_seen_ = false;
    Sidecar sidecar_;
};

}  // namespace

Sidecar parse_sidecar(std::string_view text, std::string_view file_name) {
    return Reader(text, file_name).read();
}

}  // namespace octet::state
