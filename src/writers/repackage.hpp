// A finished set of octet's own as the input of quantize: it is written in another format without
// loss. Its data files stand for the checkpoint, whose tensors have the names and shapes of the
// source and lie where their codes lie; what they are is the sidecar's business. Nothing is left to
// decide, so options that decide codes are refused.
#pragma once

#include <optional>
#include <string_view>

#include "writers/writer.hpp"

namespace octet::writers {

struct SetToRepackage {
    checkpoint::Checkpoint files;
    octet_set::Sidecar sidecar;  ///< with the kinds of tensors
};

/// The set at `input`; nothing where that is none, or the format takes no sets. An option that
/// decides codes: kUsage. A broken set: kBadInput.
std::optional<SetToRepackage> open_set_to_repackage(const std::filesystem::path& input,
                                                    const QuantizeOptions& options,
                                                    const OutputFormat& format, io::Links links);

/// True where every number of the one dtype is one of the other.
bool holds_scales_of(ScaleDtype to, ScaleDtype from) noexcept;

/// The dtype of scales of a weight of that dtype, where they have their weight's.
ScaleDtype scale_dtype_like(Dtype weight) noexcept;

/// Throws kBadInput: why the set's tensor has no place in the format, and the scheme that would.
[[noreturn]] void refuse_to_repackage(const TensorReport& tensor, std::string_view why,
                                      std::string_view fitting);

}  // namespace octet::writers
