// One tensor as a file that NumPy reads, whole or not at all.
#pragma once

#include <filesystem>
#include <vector>

#include "codecs/shown_tensor.hpp"
#include "octet/show.hpp"

namespace octet::commands {

/// Throws kUsage where nothing may be written at `path`: another ending than .npy, a folder, an
/// existing file without `force`, an input.
void check_npy_place(const std::filesystem::path& path, const std::vector<io::FileIdentity>& inputs,
                     bool force);

/// Writes the values of a selection: restored ones as float32, BF16 as float32, all others in their
/// dtype. kIo.
FileReport write_npy(const formats::FloatSource& source, std::size_t tensor,
                     const codecs::Selection& selection, const std::filesystem::path& path,
                     const WriteOptions& options);

}  // namespace octet::commands
