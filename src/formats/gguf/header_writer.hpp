// The bytes of a GGUF file before its data. How many they are does not depend on numbers or on
// strings of the same length, so that a header with placeholders can be measured first and written
// last.
#pragma once

#include <string>
#include <vector>

#include "formats/gguf/gguf_format.hpp"

namespace octet::gguf {

struct HeaderText {
    std::string bytes;
    std::size_t keys_end = 0;  ///< behind the last key
};

/// Magic, counts, keys, infos, and zeros up to the alignment.
HeaderText header_text(const Keys& keys, const std::vector<TensorInfo>& tensors);

}  // namespace octet::gguf
