// llama.cpp's importance matrices: for each weight of a model, under its name in a GGUF file, the
// mean of the squared activations that met each of its inputs; of fused experts a row for each.
// Both formats that llama-imatrix writes (llama.cpp: tools/imatrix/imatrix.cpp):
//
//   .dat    i32 entries; each: i32 length and name, i32 calls, i32 values, f32 each (sums, to be
//           divided by calls); then i32 chunks and a text, or nothing
//   .gguf   F32 tensors NAME.in_sum2 [rows, inputs] and NAME.counts [rows]
//
// Every size is held against the file before anything is made of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/file.hpp"

namespace octet::gguf {

struct ImatrixEntry {
    std::string name;        ///< "blk.0.ffn_up.weight"
    std::uint64_t rows = 1;  ///< experts, as far as the file says
    std::vector<float>
        values;  ///< row by row, finite and not negative; of an expert that no token met all 1
};

/// True of a file of either format, or one that would be: such a file is no safetensors file.
bool is_imatrix(const io::File& file);

/// Broken, or no F32: kBadInput naming file, entry and cure. kIo.
std::vector<ImatrixEntry> read_imatrix(const io::File& file);

/// Where the weights of a tensor of a checkpoint stand in an imatrix.
struct ImatrixPlace {
    std::string name;
    std::optional<std::uint64_t> expert;  ///< its row; nothing: all of them
};

/// The names that a tensor has in GGUF files of the architectures that octet knows, and of mixtures
/// of experts; none where it has no place.
std::vector<ImatrixPlace> places_in_imatrix(std::string_view name);

}  // namespace octet::gguf
