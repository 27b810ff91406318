// The bytes of a GGUF file before its data. How many they are does not depend on numbers or on strings of the same length, so that a
// header with placeholders can be measured first and written last.
#pragma once

#include <string>
#include <vector>

#include "formats/gguf/gguf_format.hpp"

namespace octet::gguf {

/// Magic, counts, keys, infos, and zeros up to the alignment.
std::string header_bytes(const Keys& keys, const std::vector<TensorInfo>& tensors);

}  // namespace octet::gguf
