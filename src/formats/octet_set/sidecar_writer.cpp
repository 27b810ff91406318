// Keys in a fixed order, numbers by base/json_text, tensors one by one: the same bytes for the same
// set on every machine, in parts that are hashed on their way out. The last member is that hash,
// the seal.
#include <algorithm>
#include <array>

#include "base/json_text.hpp"
#include "formats/octet_set/sidecar.hpp"
#include "quant/active_kernels.hpp"
#include "quant/checksum.hpp"
#include "quant/two_level.hpp"

namespace octet::octet_set {
namespace {

/// `checksum_key` is how files of this list are hashed: as a whole or by pieces.
void write_files(JsonWriter& writer, const std::vector<FileReport>& files,
                 std::string_view checksum_key) {
    writer.begin_array();
    for (const FileReport& file : files) {
        writer.begin_object().key("name").string(file.name).key("bytes").integer(file.byte_count);
        if (file.checksum) writer.key(checksum_key).string(checksum_text(*file.checksum));
        if (!file.sha256.empty()) writer.key("sha256").string(file.sha256);
        writer.end_object();
    }
    writer.end_array();
}

void write_source(JsonWriter& writer, const Sidecar& sidecar) {
    writer.begin_object().key("files");
    write_files(writer, sidecar.source_files, kPieceChecksumKey);
    if (sidecar.source_index) {
        writer.key("index").begin_object().key("name").string(sidecar.source_index->name);
        if (!sidecar.source_index->metadata.empty())
            writer.key("metadata").raw(sidecar.source_index->metadata);
        writer.end_object();
    }
    writer.key("framework_bytes").integer(sidecar.source_framework_bytes);
    writer.key("sum_of_squares").statistic(sidecar.source_sum_of_squares);
    writer.end_object();
}

void write_options(JsonWriter& writer, const CodeOptions& options) {
    writer.begin_object().key("preset").string(preset_name(options.preset));
    writer.key("rules").begin_array();
    for (const TensorRule& rule : options.rules) {
        writer.begin_object().key("match").string(rule.match);
        writer.key("scheme").string(rule_scheme_name(rule)).end_object();
    }
    writer.end_array();
    if (options.scheme) writer.key("scheme").string(scheme_name(*options.scheme));
    if (options.importance) writer.key("importance").string(checksum_text(*options.importance));
    if (options.max_size) writer.key("max_size").integer(*options.max_size);
    if (options.target_sqnr_db) writer.key("target_sqnr").number(*options.target_sqnr_db);
    if (options.on_non_finite == OnNonFinite::kKeep) writer.key("on_non_finite").string("keep");
    writer.end_object();
}

void write_statistics(JsonWriter& writer, const TensorStatistics& s) {
    writer.begin_object();
    writer.key("sqnr_db").statistic(s.sqnr_db);
    writer.key("rmse").statistic(s.rmse);
    writer.key("max_abs_error").statistic(s.max_abs_error);
    writer.key("bound").statistic(s.bound);
    writer.key("clipped").integer(s.clipped);
    writer.end_object();
}

/// `tied_position` is that of a tensor whose bytes are another's.
void write_tensor(JsonWriter& writer, const TensorReport& t,
                  std::optional<std::uint32_t> tied_position) {
    writer.key(t.name).begin_object();
    writer.key("dtype").string(dtype_name(t.dtype));
    writer.key("shape").begin_array();
    for (const std::uint64_t dimension : t.shape) writer.integer(dimension);
    writer.end_array();
    if (tied_position) {
        writer.key("same_as").string(t.same_as).key("position").integer(*tied_position);
        writer.end_object();
        return;
    }
    writer.key("scheme").string(t.scheme ? scheme_name(*t.scheme) : "keep");
    if (t.scheme) {
        if (t.scale) writer.key("scale").float32(*t.scale);
        if (t.zero_point && t.scheme->zero_point == ZeroPoint::kInteger) {
            writer.key("zero_point").integer(static_cast<std::uint64_t>(*t.zero_point));
        } else if (t.zero_point) {
            writer.key("zero_point").float32(*t.zero_point);
        }
        if (t.scheme->scale_dtype == ScaleDtype::kTwoLevel) {
            for (const auto& [key, value] : quant::named_numbers(quant::two_level_shape(*t.scheme)))
                writer.key(key).integer(value);
        }
        writer.key("stats");
        write_statistics(writer, *t.statistics);
    } else {
        writer.key("reason").string(t.reason);
    }
    if (t.source_checksum && t.stored_checksum) {
        writer.key(kPieceChecksumKey).begin_object();
        writer.key("source").string(checksum_text(*t.source_checksum));
        writer.key("stored").string(checksum_text(*t.stored_checksum));
        writer.end_object();
    }
    writer.end_object();
}

// The object's last member is the checksum of everything before it, so that no byte of the file
// goes unchecked.
constexpr std::string_view kBeforeSeal = ",\n  ";

std::string seal_with(const Checksum& checksum) {
    return "\"" + std::string(kChecksumKey) + "\": \"" + checksum_text(checksum) + "\"\n}\n";
}

/// Takes text over from where it is being written, part by part, and ends it with its seal.
class SealedParts {
  public:
    SealedParts(std::string& text, const std::function<void(std::string_view)>& take)
        : text_(text), take_(take) {
        quant::active_kernels().hash_begin(state_);
    }

    /// Whatever has been written so far may go.
    void pass_on() {
        constexpr std::size_t kEnough = 256U << 10U;
        if (text_.size() >= kEnough) flush();
    }

    /// Returns the length of everything, with the seal.
    std::uint64_t finish() {
        text_ += kBeforeSeal;
        flush();
        const std::string seal = seal_with(quant::end_hash(state_));
        take_(seal);
        return length_ + seal.size();
    }

  private:
    void flush() {
        quant::active_kernels().hash_add(state_, text_.data(), text_.size());
        take_(text_);
        length_ += text_.size();
        text_.clear();
    }

    std::string& text_;
    const std::function<void(std::string_view)>& take_;
    kernels::HashState state_;
    std::uint64_t length_ = 0;
};

/// The first that knows all of its schemes, those of rules included.
std::uint64_t version_of(const Sidecar& sidecar) {
    const auto is_newer = [](const auto& named) {
        return named.scheme && needs_version_2(*named.scheme);
    };
    const std::vector<TensorRule>& rules = sidecar.options.rules;
    const bool is_second = is_newer(sidecar.options) ||
                           std::any_of(rules.begin(), rules.end(), is_newer) ||
                           std::any_of(sidecar.tensors.begin(), sidecar.tensors.end(), is_newer);
    return is_second ? kLastSidecarVersion : kFirstSidecarVersion;
}

constexpr std::array<std::string_view, 6> kPresetNames = {"all", "lesson", "linear",
                                                          "q8",  "q6",     "q4"};

}  // namespace

std::string_view preset_name(Preset preset) noexcept {
    return kPresetNames[static_cast<std::size_t>(preset)];
}

std::optional<Preset> parse_preset(std::string_view name) noexcept {
    for (std::size_t i = 0; i < kPresetNames.size(); ++i) {
        if (kPresetNames[i] == name) return static_cast<Preset>(i);
    }
    return std::nullopt;
}

bool needs_version_2(const Scheme& scheme) noexcept {
    return scheme.batch || scheme.row_packing;
}

std::uint64_t write_sidecar(const Sidecar& sidecar,
                            const std::function<void(std::string_view)>& take) {
    std::string text;
    SealedParts parts(text, take);
    JsonWriter writer(text, JsonWriter::Style::kLines);
    writer.begin_object();
    writer.key("format").string("octet");
    writer.key("version").integer(version_of(sidecar));
    writer.key("generator").string(sidecar.generator);
    writer.key("source");
    write_source(writer, sidecar);
    writer.key("files");
    write_files(writer, sidecar.files, kPieceChecksumKey);
    writer.key("companions");
    write_files(writer, sidecar.companions, kChecksumKey);
    writer.key("options");
    write_options(writer, sidecar.options);
    writer.key("tensors").begin_object();
    auto position = sidecar.tied_positions.begin();
    for (const TensorReport& tensor : sidecar.tensors) {
        write_tensor(writer, tensor,
                     tensor.same_as.empty() ? std::nullopt : std::optional(*position++));
        parts.pass_on();
    }
    writer.end_object();
    return parts.finish();
}

// Every byte before the last member is hashed by it, and the bytes from there on can only be one
// text.
bool is_sealed(std::string_view text) {
    const std::size_t length = seal_of("").size();
    const std::string_view before = text.substr(0, text.size() - std::min(length, text.size()));
    return text.substr(before.size()) == seal_of(before);
}

bool is_sealed_at(std::string_view text, std::size_t size) {
    const std::string_view rest = text.substr(size);
    return rest.starts_with(kBeforeSeal) &&
           rest.substr(kBeforeSeal.size()) == seal_of(text.substr(0, size + kBeforeSeal.size()));
}

std::string seal_of(std::string_view before) {
    return seal_with(quant::checksum_of(std::as_bytes(std::span(before))));
}

}  // namespace octet::octet_set
