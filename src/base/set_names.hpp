// The fixed file names of a set (docs/format.md).
#pragma once

#include <string_view>

namespace octet {

/// The file that makes a folder a set.
inline constexpr std::string_view kSidecarName = "quantization_state.json";
/// The index of a sharded plain checkpoint.
inline constexpr std::string_view kIndexName = "model.safetensors.index.json";
/// The index of a sharded set.
inline constexpr std::string_view kSetIndexName = "model.safetensors.index.octet.json";
/// The file that lists what octet wrote into a folder of another engine's format.
inline constexpr std::string_view kFolderReportName = "octet_report.json";
/// The metadata key that marks a file of codes; its value is the version of octet that wrote it.
inline constexpr std::string_view kVersionKey = "octet.version";

/// True for names that octet gives a meaning: no file of a checkpoint may have one.
inline bool is_octets_own(std::string_view file_name) noexcept {
    return file_name == kSidecarName || file_name == kSetIndexName ||
           file_name == kFolderReportName || file_name.starts_with(".octet-");
}

}  // namespace octet
