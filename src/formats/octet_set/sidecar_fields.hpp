// What a sidecar's values must be: each function takes one as what it should be, or refuses the
// sidecar with the place. Holds the names of the file and of the tensor that is being read, for
// messages.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "formats/octet_set/json_nodes.hpp"
#include "octet/report.hpp"

namespace octet::octet_set {

class SidecarFields {
  public:
    explicit SidecarFields(std::string_view file_name) noexcept : file_name_(file_name) {}

    /// From now on places are within that tensor, which has to outlive it; within none: nullptr.
    void enter_tensor(const std::string* name) noexcept { tensor_ = name; }

    /// kBadInput: "FILE: WHAT; restore the sidecar or quantize again".
    [[noreturn]] void fail(std::string_view what) const;

    /// The same, "tensor 'NAME'" before the place where there is one.
    [[noreturn]] void fail_at(std::string_view place, std::string_view what) const;

    using Keys = std::initializer_list<std::string_view>;

    /// An object of exactly these keys: every one of `required`, any of `optional`, nothing else.
    void check_keys(const JsonNode& object, std::string_view place, Keys required,
                    Keys optional) const;

    /// The member of an object that has it, as check_keys() has seen.
    const JsonNode& member(const JsonNode& object, std::string_view key) const;

    std::uint64_t unsigned_of(const JsonNode& value, std::string_view place) const;
    std::string_view string_of(const JsonNode& value, std::string_view place) const;
    float float_of(const JsonNode& value, std::string_view place) const;
    double statistic_of(const JsonNode& value, std::string_view place) const;
    Checksum checksum_of(const JsonNode& value, std::string_view place) const;
    std::string sha256_of(const JsonNode& value, std::string_view place) const;

  private:
    std::string_view file_name_;
    const std::string* tensor_ = nullptr;
};

}  // namespace octet::octet_set
