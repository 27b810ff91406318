// Names that can hardly be meant for the folder of a set: "-", "out.safetensors", "model.bin".
#pragma once

#include <filesystem>

namespace octet::writers {

/// Throws kUsage, saying what is meant, where quantize would make a folder of such a name. A folder
/// that is there is taken as it is.
void check_set_name(const std::filesystem::path& given);

/// The same where quantize writes a GGUF file.
void check_gguf_name(const std::filesystem::path& given);

/// True of a name that ends in ".gguf".
bool is_gguf_name(const std::filesystem::path& given);

/// The same of dequantize, which writes a .safetensors file or a folder.
void check_restored_name(const std::filesystem::path& given);

}  // namespace octet::writers
