// SHA-256 through OpenSSL's libcrypto, which is loaded the first time that it is asked for: linking
// it would cost every run a millisecond and 3 MB (measured with OpenSSL 3.0), and an installed
// octet would depend on it.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>

#include "io/file.hpp"

namespace octet::io {

/// Loads libcrypto; kUsage, saying what to install, where there is none.
void need_sha256();

/// 64 hexadecimal digits, as sha256sum prints them. kUsage without libcrypto.
std::string sha256_of(std::span<const std::byte> bytes);

/// The same of a whole file. kIo; kInterrupted when `stop_requested` (may be empty) answers true.
std::string sha256_of(const File& file, const std::function<bool()>& stop_requested);

}  // namespace octet::io
