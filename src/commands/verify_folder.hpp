// Every byte of a folder that octet wrote for another engine, held against its octet_report.json.
#pragma once

#include <filesystem>

#include "octet/verify.hpp"

namespace octet::commands {

/// True of a folder that has an octet_report.json and is no set.
bool is_reported_folder(const std::filesystem::path& path);

/// As verify(); a source is kUsage.
VerifyReport verify_folder(const std::filesystem::path& path, const VerifyOptions& options);

}  // namespace octet::commands
