// One function a type. Each message names the file, the tensor and the key.
#include "formats/octet_set/sidecar_fields.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/text.hpp"
#include "octet/error.hpp"

namespace octet::octet_set {

void SidecarFields::fail(std::string_view what) const {
    throw Error(ErrorCode::kBadInput, printable(file_name_),
                fmt::format("{}; restore the sidecar or quantize again", what));
}

void SidecarFields::fail_at(std::string_view place, std::string_view what) const {
    fail(fmt::format("{}{}{}", tensor_ != nullptr ? "tensor " + in_quotes(*tensor_) : "", place,
                     what));
}

void SidecarFields::check_keys(const JsonNode& object, std::string_view place, Keys required,
                               Keys optional) const {
    if (object.kind != JsonNode::Kind::kObject) fail_at(place, " is not an object");
    const auto is_among = [](Keys keys, std::string_view key) {
        return std::find(keys.begin(), keys.end(), key) != keys.end();
    };
    std::size_t found = 0;
    const JsonNode* unknown = nullptr;
    for_each_child(object, [&](const JsonNode& child) {
        if (is_among(required, child.key)) {
            ++found;
        } else if (unknown == nullptr && !is_among(optional, child.key)) {
            unknown = &child;
        }
    });
    if (found < required.size()) {  // no key stands twice
        for (const std::string_view key : required) {
            if (find_member(object, key) == nullptr) fail_at(place, " has no " + in_quotes(key));
        }
    }
    if (unknown != nullptr) fail_at(place, " has the unknown key " + in_quotes(unknown->key));
}

const JsonNode& SidecarFields::member(const JsonNode& object, std::string_view key) const {
    const JsonNode* const found = find_member(object, key);
    if (found == nullptr) fail_at("", " has no " + in_quotes(key));
    return *found;
}

std::uint64_t SidecarFields::unsigned_of(const JsonNode& value, std::string_view place) const {
    if (value.kind != JsonNode::Kind::kUnsigned) fail_at(place, " is not a whole number from 0 up");
    return value.whole;
}

std::string_view SidecarFields::string_of(const JsonNode& value, std::string_view place) const {
    if (value.kind != JsonNode::Kind::kString) fail_at(place, " is not a string");
    return value.text;
}

float SidecarFields::float_of(const JsonNode& value, std::string_view place) const {
    if (!value.is_number()) fail_at(place, " is not a number");
    const auto number = static_cast<float>(value.number);
    if (!std::isfinite(number)) fail_at(place, " is not a finite float32");
    return number;
}

double SidecarFields::statistic_of(const JsonNode& value, std::string_view place) const {
    if (value.is_number()) return value.number;
    if (value.is_string("inf")) return std::numeric_limits<double>::infinity();
    if (value.is_string("-inf")) return -std::numeric_limits<double>::infinity();
    if (value.is_string("nan")) return std::numeric_limits<double>::quiet_NaN();
    fail_at(place, " is not a number");
}

Checksum SidecarFields::checksum_of(const JsonNode& value, std::string_view place) const {
    const auto checksum = parse_checksum(string_of(value, place));
    if (!checksum) fail_at(place, " is not 32 hexadecimal digits");
    return *checksum;
}

std::string SidecarFields::sha256_of(const JsonNode& value, std::string_view place) const {
    const std::string_view text = string_of(value, place);
    if (text.size() != 64 || text.find_first_not_of("0123456789abcdef") != text.npos)
        fail_at(place, " is not 64 hexadecimal digits");
    return std::string(text);
}

}  // namespace octet::octet_set
