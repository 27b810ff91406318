// Each entry is taken apart into scheme, shape, state, statistics, checksums and tie; what one of
// them says must fit the others.
#include "formats/octet_set/tensor_entry.hpp"

#include <limits>

#include <fmt/format.h>

#include "base/text.hpp"
#include "quant/codecs.hpp"
#include "quant/two_level.hpp"

namespace octet::octet_set {

void TensorEntries::add(std::string name, const JsonNode& entry) {
    TensorReport& tensor = sidecar_.tensors.emplace_back();
    tensor.name = std::move(name);
    fields_.enter_tensor(&tensor.name);
    const JsonNode* const scheme = find_member(entry, "scheme");
    const bool is_tied = find_member(entry, "same_as") != nullptr;
    if (is_tied) {
        read_tie(entry, tensor);
    } else if (scheme != nullptr && scheme->is_string("keep")) {
        fields_.check_keys(entry, "", {"dtype", "shape", "scheme", "reason", kPieceChecksumKey},
                           {});
        tensor.reason = fields_.string_of(fields_.member(entry, "reason"), " reason");
    } else {
        fields_.check_keys(
            entry, "", {"dtype", "shape", "scheme", "stats", kPieceChecksumKey},
            {"scale", "zero_point", "superblock", "scale_bits", "zero_point_bits", "code_offset"});
        read_scheme(entry, tensor);
        tensor.statistics = statistics_of(fields_.member(entry, "stats"));
    }
    if (!is_tied) read_checksums(fields_.member(entry, kPieceChecksumKey), tensor);
    const auto dtype = parse_dtype(fields_.string_of(fields_.member(entry, "dtype"), " dtype"));
    if (!dtype) fields_.fail_at("", " has an unknown dtype");
    tensor.dtype = *dtype;
    if (tensor.scheme && !is_quantizable(tensor.dtype))
        fields_.fail_at("", " is quantized from a dtype that is not float");
    read_shape(fields_.member(entry, "shape"), tensor);
    if (tensor.scheme) check_matrices(tensor);
    fields_.enter_tensor(nullptr);
}

void TensorEntries::read_shape(const JsonNode& shape, TensorReport& tensor) const {
    if (shape.kind != JsonNode::Kind::kArray) fields_.fail_at(" shape", " is not an array");
    tensor.shape.reserve(shape.size - 1);
    for_each_child(shape, [&](const JsonNode& dimension) {
        tensor.shape.push_back(fields_.unsigned_of(dimension, " shape"));
    });
    const auto bytes = tensor_bytes(tensor.dtype, tensor.shape);
    if (!bytes)
        fields_.fail_at("", " has a shape whose size overflows or does not fill whole bytes");
    tensor.source_bytes = *bytes;
}

/// Batches and rows of matrices are of tensors that have more than rows and columns.
void TensorEntries::check_matrices(const TensorReport& tensor) {
    if (!needs_version_2(*tensor.scheme)) return;
    if (newer_.empty()) newer_ = in_quotes(tensor.name);
    if (tensor.shape.size() > 2) return;
    fields_.fail_at(
        "", fmt::format(": the scheme {} needs three dimensions or more", in_quotes(scheme_name_)));
}

void TensorEntries::read_checksums(const JsonNode& checksums, TensorReport& tensor) const {
    fields_.check_keys(checksums, " checksums", {"source", "stored"}, {});
    tensor.source_checksum =
        fields_.checksum_of(fields_.member(checksums, "source"), " source checksum");
    tensor.stored_checksum =
        fields_.checksum_of(fields_.member(checksums, "stored"), " stored checksum");
}

/// A tensor whose bytes are another's.
void TensorEntries::read_tie(const JsonNode& entry, TensorReport& tensor) {
    fields_.check_keys(entry, "", {"dtype", "shape", "same_as", "position"}, {});
    tensor.same_as = fields_.string_of(fields_.member(entry, "same_as"), " same_as");
    if (tensor.same_as.empty()) fields_.fail_at("", " is the same_as no tensor");
    const std::uint64_t position =
        fields_.unsigned_of(fields_.member(entry, "position"), " position");
    if (position > std::numeric_limits<std::uint32_t>::max())
        fields_.fail_at(" position", " is beyond any header");
    sidecar_.tied_positions.push_back(static_cast<std::uint32_t>(position));
}

void TensorEntries::read_scheme(const JsonNode& entry, TensorReport& tensor) {
    const std::string_view name = fields_.string_of(fields_.member(entry, "scheme"), " scheme");
    if (!scheme_ || name != scheme_name_) {
        scheme_ = parse_scheme(name);
        if (!scheme_ || !quant::has_codec(*scheme_))
            fields_.fail_at(
                "", fmt::format(": the scheme {} is not known to this octet", in_quotes(name)));
        if (scheme_->granularity != Granularity::kTensor && scheme_->axis == OutputAxis::kAuto)
            fields_.fail_at("",
                            fmt::format(": the scheme {} does not say its axis", in_quotes(name)));
        scheme_name_ = name;
    }
    tensor.scheme = scheme_;
    read_state(entry, *scheme_, tensor);
}

/// The state where the sidecar holds it, and the numbers of two levels.
void TensorEntries::read_state(const JsonNode& entry, const Scheme& scheme,
                               TensorReport& tensor) const {
    const auto has = [&](std::string_view key) { return find_member(entry, key) != nullptr; };
    const bool in_sidecar = scheme.granularity == Granularity::kTensor;
    const bool has_zero_point = in_sidecar && !scheme.symmetric;
    const auto check = [&](std::string_view key, bool expected) {
        if (has(key) != expected)
            fields_.fail_at(
                "", fmt::format(" has {} {}", expected ? "no" : "the unknown key", in_quotes(key)));
    };
    check("scale", in_sidecar);
    check("zero_point", has_zero_point);
    const bool two_levels = scheme.scale_dtype == ScaleDtype::kTwoLevel;
    const auto shape = two_levels ? quant::two_level_shape(scheme) : quant::TwoLevelShape{};
    for (const auto& [key, value] : quant::named_numbers(shape)) {
        check(key, two_levels);
        if (two_levels && fields_.unsigned_of(fields_.member(entry, key), "") != value)
            fields_.fail_at(
                "", fmt::format(": {} is not {}, the only one that this octet reads with {}", key,
                                value, scheme_name_));
    }
    if (in_sidecar) tensor.scale = fields_.float_of(fields_.member(entry, "scale"), " scale");
    if (in_sidecar && *tensor.scale < 0) fields_.fail_at(" scale", " is negative");
    if (has_zero_point && scheme.zero_point == ZeroPoint::kInteger) {
        const std::uint64_t code =
            fields_.unsigned_of(fields_.member(entry, "zero_point"), " zero_point");
        if (code > max_code(scheme)) fields_.fail_at(" zero_point", " is no code");
        tensor.zero_point = static_cast<float>(code);
    } else if (has_zero_point) {
        tensor.zero_point = fields_.float_of(fields_.member(entry, "zero_point"), " zero_point");
    }
}

TensorStatistics TensorEntries::statistics_of(const JsonNode& stats) const {
    fields_.check_keys(stats, " stats", {"sqnr_db", "rmse", "max_abs_error", "bound", "clipped"},
                       {});
    const auto value = [&](std::string_view key) -> const JsonNode& {
        return fields_.member(stats, key);
    };
    return {fields_.statistic_of(value("sqnr_db"), " stats sqnr_db"),
            fields_.statistic_of(value("rmse"), " stats rmse"),
            fields_.statistic_of(value("max_abs_error"), " stats max_abs_error"),
            fields_.statistic_of(value("bound"), " stats bound"),
            fields_.unsigned_of(value("clipped"), " stats clipped")};
}

}  // namespace octet::octet_set
