// What the sidecar says of one tensor, checked.
#pragma once

#include <optional>
#include <string>

#include "formats/octet_set/sidecar.hpp"
#include "formats/octet_set/sidecar_fields.hpp"
#include "octet/scheme.hpp"

namespace octet::octet_set {

class TensorEntries {
  public:
    /// Adds to the tensors of `sidecar`.
    TensorEntries(const SidecarFields& fields, Sidecar& sidecar) noexcept
        : fields_(fields), sidecar_(sidecar) {}

    /// Adds the tensor `name` of that value. Anything wrong with it: kBadInput.
    void add(std::string name, const JsonNode& entry);

    /// The first tensor whose scheme version 1 does not know, or nothing.
    const std::string& first_of_version_2() const noexcept { return newer_; }

  private:
    void read_tie(const JsonNode& entry, TensorReport& tensor);
    void read_scheme(const JsonNode& entry, TensorReport& tensor);
    void check_matrices(const TensorReport& tensor);
    void read_state(const JsonNode& entry, const Scheme& scheme, TensorReport& tensor) const;
    void read_checksums(const JsonNode& checksums, TensorReport& tensor) const;
    void read_shape(const JsonNode& shape, TensorReport& tensor) const;
    TensorStatistics statistics_of(const JsonNode& stats) const;

    SidecarFields fields_;
    Sidecar& sidecar_;
    std::string newer_;        ///< the first tensor with a scheme that version 1 does not know
    std::string scheme_name_;  ///< the last one: most tensors have that of the one before
    std::optional<Scheme> scheme_;
};

}  // namespace octet::octet_set
